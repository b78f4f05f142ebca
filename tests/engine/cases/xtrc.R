# Swamy's random-coefficients model by plm::pvcm on a made-up panel. Rscript xtrc.R
suppressMessages(library(plm))
n <- 160; i <- 1:n
id <- ceiling(i / 16); t <- (i - 1) %% 16 + 1
x <- ((i - 1) * 37) %% 101 / 50 - 1; z <- ((i - 1) * 53) %% 97 / 48 - 1; e <- ((i - 1) * 71) %% 89 / 44 - 1
y <- 1 + (id * 29) %% 31 / 15 + (0.5 + (id * 17) %% 23 / 11) * x - (0.3 + (id * 13) %% 19 / 9) * z + 0.5 * e
d <- pdata.frame(data.frame(id, t, y, x, z), index = c("id", "t"))
m <- pvcm(y ~ x + z, d, model = "random")
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
show("b", coef(m)[c(2, 3, 1)]); show("se", sqrt(diag(vcov(m)))[c(2, 3, 1)])
S <- m$Delta; show("Sigma", c(S[2, 2], S[3, 3], S[1, 1]))
B <- list(); W <- list()
for (g in 1:10) { f <- lm(y ~ x + z, subset = id == g); B[[g]] <- coef(f); W[[g]] <- solve(vcov(f)) }
p <- solve(Reduce(`+`, W), Reduce(`+`, Map(`%*%`, W, B)))
show("constancy", sum(mapply(function(b, w) t(b - p) %*% w %*% (b - p), B, W)))
