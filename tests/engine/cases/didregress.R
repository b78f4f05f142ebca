# Two-way fixed effects by dummy variables with base R; clustered covariance as in Stata's areg and xtreg, fe.
i <- 1:200
d <- data.frame(g = ceiling(i / 10), t = (i - 1) %% 10 + 1)
d$treat <- as.numeric(d$g > 10 & d$t >= 5 + (d$g > 15))
d$x <- ((i * 7) %% 13) / 3
d$y <- d$g / 5 + d$t^2 / 20 + 1.5 * d$treat + 0.3 * d$x + sin(i * 1.7)
clustered <- function(formula, data, k_within = NULL) {
  fit <- lm(formula, data)
  X <- model.matrix(fit)
  bread <- solve(crossprod(X))
  S <- rowsum(X * resid(fit), data$g)
  G <- nrow(S); n <- nrow(X)
  k <- if (is.null(k_within)) ncol(X) else k_within
  V <- bread %*% crossprod(S) %*% bread * G / (G - 1) * (n - 1) / (n - k)
  c(b = coef(fit)[["treat"]], se = sqrt(V["treat", "treat"]), G = G)
}
show <- function(name, v) cat(sprintf("%-28s %.12g %.12g %d\n", name, v["b"], v["se"], v["G"]))
show("didregress", clustered(y ~ treat + factor(t) + factor(g), d))
show("didregress x", clustered(y ~ treat + x + factor(t) + factor(g), d))
# xtreg, fe counts slopes and constant, not the panel effects
show("xtdidregress x", clustered(y ~ treat + x + factor(t) + factor(g), d, k_within = 1 + 1 + 9 + 1))
two <- subset(d, t %in% c(1, 10))
two$treat <- as.numeric(two$g > 10 & two$t == 10)
show("two periods", clustered(y ~ treat + factor(t) + factor(g), two))
show("xt two periods", clustered(y ~ treat + factor(t) + factor(g), two, k_within = 3))
m <- tapply(two$y, list(two$g > 10, two$t), mean)
cat(sprintf("%.12g\n", (m[2, 2] - m[2, 1]) - (m[1, 2] - m[1, 1])))
