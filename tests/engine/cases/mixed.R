# Linear mixed models: lme4 for the estimates, a dense multivariate normal likelihood for the standard errors of
# the variance components. Rscript mixed.R
suppressMessages(library(lme4))
n <- 180
i <- seq_len(n)
g <- ceiling(i / 9); s <- ceiling(i / 3)
x <- ((i - 1) * 37) %% 101 / 50 - 1
z <- ((i - 1) * 53) %% 97 / 48 - 1
e <- ((i - 1) * 71) %% 89 / 44 - 1
a <- (g * 29) %% 31 / 15 - 1
b <- (g * 17) %% 23 / 11 - 1
c <- (s * 43) %% 67 / 33 - 1
y <- 1 + 0.5 * x - 0.3 * z + a + 0.6 * b * x + 0.5 * c + 0.7 * e
d <- data.frame(y, x, z, g = factor(g), s = factor(s))
strict <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12, maxfun = 1e6), calc.derivs = FALSE)

show <- function(name, values) cat(name, sprintf("%.12g", values), "\n")

# Standard errors of log standard deviations and atanh correlations from the concentrated dense likelihood.
errors <- function(theta, V_of, X, reml) {
  f <- function(t) {
    V <- V_of(t); R <- chol(V)
    Xs <- backsolve(R, X, transpose = TRUE); ys <- backsolve(R, y, transpose = TRUE)
    A <- crossprod(Xs); bb <- solve(A, crossprod(Xs, ys)); r <- ys - Xs %*% bb
    v <- -sum(log(diag(R))) - 0.5 * sum(r^2) - 0.5 * n * log(2 * pi)
    if (reml) v <- v - 0.5 * as.numeric(determinant(A)$modulus) + 0.5 * ncol(X) * log(2 * pi)
    v
  }
  p <- length(theta); H <- matrix(0, p, p)
  second <- function(h) {
    for (j in 1:p) for (k in 1:p) {
      ej <- replace(numeric(p), j, h); ek <- replace(numeric(p), k, h)
      H[j, k] <<- (f(theta + ej + ek) - f(theta + ej - ek) - f(theta - ej + ek) + f(theta - ej - ek)) / (4 * h^2)
    }
    H
  }
  H <- (4 * second(2e-3) - second(4e-3)) / 3
  show("  loglik", f(theta))
  sqrt(diag(solve(-H)))
}
X <- cbind(x, z, 1)
same <- outer(g, g, "==") * 1; inner <- outer(s, s, "==") * 1
Z <- model.matrix(~ 0 + d$g)
for (reml in c(FALSE, TRUE)) {
  cat("--- random intercept, reml", reml, "\n")
  m <- lmer(y ~ x + z + (1 | g), d, REML = reml, control = strict)
  show("  b", fixef(m)[c(2, 3, 1)]); show("  se", sqrt(diag(as.matrix(vcov(m))))[c(2, 3, 1)])
  t <- log(c(attr(VarCorr(m)$g, "stddev"), sigma(m))); show("  theta", t)
  show("  setheta", errors(t, function(t) exp(2 * t[1]) * same + exp(2 * t[2]) * diag(n), X, reml))
  show("  u1..3", ranef(m)$g[1:3, 1])

  cat("--- unstructured slope, reml", reml, "\n")
  m <- lmer(y ~ x + z + (x | g), d, REML = reml, control = strict)
  show("  b", fixef(m)[c(2, 3, 1)]); show("  se", sqrt(diag(as.matrix(vcov(m))))[c(2, 3, 1)])
  sd <- attr(VarCorr(m)$g, "stddev"); r <- attr(VarCorr(m)$g, "correlation")[1, 2]
  t <- c(log(sd[2]), log(sd[1]), atanh(r), log(sigma(m))); show("  theta", t)
  show("  setheta", errors(t, function(t) {
    G <- diag(exp(t[1:2])) %*% matrix(c(1, tanh(t[3]), tanh(t[3]), 1), 2) %*% diag(exp(t[1:2]))
    V <- exp(2 * t[4]) * diag(n)
    W <- cbind(x, 1)
    V + same * (W %*% G %*% t(W))
  }, X, reml))

  cat("--- three levels, reml", reml, "\n")
  m <- lmer(y ~ x + z + (1 | g) + (1 | s), d, REML = reml, control = strict)
  show("  b", fixef(m)[c(2, 3, 1)]); show("  se", sqrt(diag(as.matrix(vcov(m))))[c(2, 3, 1)])
  t <- log(c(attr(VarCorr(m)$g, "stddev"), attr(VarCorr(m)$s, "stddev"), sigma(m))); show("  theta", t)
  show("  setheta", errors(t, function(t)
    exp(2 * t[1]) * same + exp(2 * t[2]) * inner + exp(2 * t[3]) * diag(n), X, reml))
  show("  u1..2", ranef(m)$g[1:2, 1]); show("  v1..2", ranef(m)$s[c("1", "2"), 1])
  show("  fitted1..3", fitted(m)[1:3])
}
cat("--- independent slope\n")
m <- lmer(y ~ x + z + (x || g), d, REML = FALSE, control = strict)
show("  b", fixef(m)[c(2, 3, 1)]); show("  theta", log(as.data.frame(VarCorr(m))$sdcor)); show("  ll", logLik(m))
cat("--- crossed\n")
h <- factor((i - 1) %% 7)
m <- lmer(y ~ x + z + (1 | h) + (1 | g), d, REML = FALSE, control = strict)
show("  b", fixef(m)[c(2, 3, 1)]); show("  theta", log(as.data.frame(VarCorr(m))$sdcor)); show("  ll", logLik(m))
print(as.data.frame(VarCorr(m))[, c(1, 5)])
