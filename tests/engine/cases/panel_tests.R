# Tests of the errors of panel regressions on a made-up panel. Rscript panel_tests.R
suppressMessages(library(plm))
n <- 240; i <- 1:n
id <- ceiling(i / 20); t <- (i - 1) %% 20 + 1
x <- ((i - 1) * 37) %% 101 / 50 - 1 + 0.5 * ((id * 29) %% 31 / 15 - 1)
z <- ((i - 1) * 53) %% 97 / 48 - 1
e <- (0.3 + 0.05 * id) * (((i - 1) * 71) %% 89 / 44 - 1) + 0.4 * ((t * 29) %% 31 / 15 - 1)
y <- 1 + 0.5 * x - 0.3 * z + (id * 29) %% 31 / 15 + e
d <- data.frame(id, t, y, x, z)
p <- pdata.frame(d, index = c("id", "t"))
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
fe <- plm(y ~ x + z, p, model = "within")
show("pesaran", pcdtest(fe, test = "cd")$statistic)
show("lm", pcdtest(fe, test = "lm")$statistic)
r <- as.numeric(residuals(fe))
W <- matrix(r, 20); s2 <- colMeans(W^2); V <- colMeans((W^2 - rep(s2, each = 20))^2) / 19
show("wald", sum((s2 - mean(r^2))^2 / V))
R <- cor(W, method = "spearman"); u <- R[upper.tri(R)]
show("friedman", 19 * (11 * mean(u) + 1)); show("frees", 12 * (mean(u^2) - 1 / 19))
# Wooldridge's test
D <- function(v) c(NA, diff(v)) * ifelse(t == 1, NA, 1)
a <- lm(D(y) ~ 0 + D(x) + D(z), na.action = na.exclude); ra <- resid(a)
lag <- c(NA, ra[-n]); lag[t == 1] <- NA
ok <- !is.na(ra) & !is.na(lag); b <- sum(lag[ok] * ra[ok]) / sum(lag[ok]^2); q <- ra[ok] - b * lag[ok]
m <- sum(tapply(lag[ok] * q, id[ok], sum)^2) / sum(lag[ok]^2)^2 * 12 / 11
show("xtserial", (b + 0.5)^2 / m)
# Artificial regression of xtoverid on Swamy-Arora quasi-demeaned data
re <- plm(y ~ x + z, p, model = "random")
s <- ercomp(re)$sigma2; th <- 1 - sqrt(s[["idios"]] / (s[["idios"]] + 20 * s[["id"]]))
q <- function(v, c) v - c * ave(v, id)
A <- lm(q(y, th) ~ 0 + I(rep(1 - th, n)) + q(x, th) + q(z, th) + q(x, 1) + q(z, 1))
k <- 4:5; b <- coef(A)[k]
show("overid", t(b) %*% solve(vcov(A)[k, k]) %*% b)
X <- model.matrix(A); g <- rowsum(X * resid(A), id); B <- solve(crossprod(X))
V <- B %*% crossprod(g) %*% B * 12 / 11 * (n - 1) / (n - 5)
show("overid_cluster", t(b) %*% solve(V[k, k]) %*% b)
