# Shapiro-Francia W' and its p-value (Royston 1993) in base R. Rscript sfrancia.R
sf <- function(x) {
  x <- sort(x); n <- length(x)
  W <- cor(x, qnorm(ppoints(n, a = 3 / 8)))^2
  u <- log(n); v <- log(u)
  z <- (log(1 - W) - (-1.2725 + 1.0521 * (v - u))) / (1.0308 - 0.26758 * (v + 2 / u))
  c(n = n, W = W, z = z, p = pnorm(z, lower.tail = FALSE))
}
options(digits = 12)
i <- 1:60
print(sf(((i * 37) %% 101) / 50 - 1))
print(sf(qnorm(((i * 37) %% 61) / 61)))
print(sf(exp(((i * 53) %% 97) / 48)))
