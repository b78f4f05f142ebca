# McFadden's choice model and the rank-ordered logit by survival::coxph; Blinder-Oaxaca by numerical delta method;
# Brant's test by glm; measures of fit by their definitions.
# Usage: Rscript choice_models.R FOLDER, with hsb2.dta and nlsw88.dta in FOLDER.
suppressMessages({library(survival); library(numDeriv); library(haven); library(MASS)})
folder <- commandArgs(TRUE)[1]
n <- 1:360
d <- data.frame(id = ceiling(n / 3), alt = (n - 1) %% 3 + 1, dealer = (n * 7) %% 11)
d$sex <- d$id %% 2; d$income <- ((d$id * 13) %% 29) / 3
d$u <- 0.15 * d$dealer + 0.6 * (d$alt == 1) + 0.08 * d$income * (d$alt == 2) + 2 * sin(1.7 * n) + cos(n * n)
d$rank <- ave(d$u, d$id, FUN = rank)
d$choice <- as.numeric(d$rank == 3)
for (j in 2:3) { d[[paste0("s", j)]] <- d$sex * (d$alt == j); d[[paste0("i", j)]] <- d$income * (d$alt == j); d[[paste0("c", j)]] <- as.numeric(d$alt == j) }
one <- rep(1, nrow(d))
ct <- coxph.control(eps = 1e-14, iter.max = 100)
f <- coxph(Surv(one, choice) ~ dealer + s2 + i2 + c2 + s3 + i3 + c3 + strata(id), d, method = "breslow", control = ct)
cat("== asclogit\n"); cat(sprintf("ll %.10g\n", f$loglik[2])); print(cbind(coef(f), sqrt(diag(vcov(f)))), digits = 11)
S <- residuals(f, "score", collapse = d$id); G <- nrow(S); V <- vcov(f) %*% crossprod(S) %*% vcov(f) * G / (G - 1)
cat("robust\n"); print(sqrt(diag(V)), digits = 11)
w <- coef(f)[-c(4, 7)]; sl <- c(1, 2, 3, 5, 6); cat(sprintf("wald %.10g\n", sum(coef(f)[sl] * solve(vcov(f)[sl, sl], coef(f)[sl]))))
eta <- as.vector(as.matrix(d[, c("dealer", "s2", "i2", "c2", "s3", "i3", "c3")]) %*% coef(f)); p <- exp(eta) / ave(exp(eta), d$id, FUN = sum)
cat("pr", sprintf("%.9g", p[1:3]), "\n")
f0 <- coxph(Surv(one, choice) ~ dealer + s2 + s3 + strata(id), d, method = "breslow", control = ct)
cat("== asclogit noconstant\n"); cat(sprintf("ll %.10g\n", f0$loglik[2])); print(cbind(coef(f0), sqrt(diag(vcov(f0)))), digits = 11)
ro <- function(rank, ties, name) {
  d$later <- max(rank) + 1 - rank
  f <- coxph(Surv(later, one) ~ dealer + c2 + strata(id), d, ties = ties, control = ct)
  cat("==", name, "\n"); cat(sprintf("ll %.10g ll0 %.10g\n", f$loglik[2], f$loglik[1])); print(cbind(coef(f), sqrt(diag(vcov(f)))), digits = 11)
  f
}
f <- ro(d$rank, "breslow", "rologit")
S <- residuals(f, "score", collapse = d$id); V <- vcov(f) %*% crossprod(S) %*% vcov(f) * G / (G - 1); print(sqrt(diag(V)), digits = 11)
low <- pmin(d$rank, 2)   # the two best are tied
for (method in c("efron", "breslow")) invisible(ro(low, method, paste("rologit", method, "(best two tied)")))
ll <- function(b) { e <- exp(b[1] * d$dealer + b[2] * d$c2); sum(sapply(split(data.frame(e, low), d$id), function(g) {
  top <- which(g$low == 2); a <- g$e[top[1]]; b <- g$e[top[2]]; t <- sum(g$e); log(a / t * b / (t - a) + b / t * a / (t - b)) })) }
o <- optim(c(0, 0), ll, method = "BFGS", control = list(fnscale = -1, reltol = 1e-15)); b <- o$par
for (i in 1:6) b <- b - solve(hessian(ll, b), grad(ll, b))
cat("== rologit exactm (best two tied)\n"); cat(sprintf("ll %.10g\n", ll(b))); print(cbind(b, sqrt(diag(solve(-hessian(ll, b))))), digits = 11)

w <- as.data.frame(zap_labels(read_dta(file.path(folder, "nlsw88.dta"))))
w$lw <- log(w$wage); w <- w[complete.cases(w[, c("lw", "grade", "ttl_exp", "tenure", "union")]), ]
X <- cbind(w$grade, w$ttl_exp, w$tenure, 1); g <- w$union; k <- 4
fit <- function(X, y) { b <- solve(crossprod(X), crossprod(X, y)); r <- as.vector(y - X %*% b); list(b = b, V = solve(crossprod(X)) * sum(r^2) / (nrow(X) - ncol(X)), r = r, A = solve(crossprod(X))) }
m1 <- fit(X[g == 0, ], w$lw[g == 0]); m2 <- fit(X[g == 1, ], w$lw[g == 1])
vx <- function(Z) cov(Z) / nrow(Z)
delta <- function(f, th, V, name, labels) { J <- jacobian(f, th); e <- f(th); cat("==", name, "\n"); s <- sqrt(diag(J %*% V %*% t(J))); for (i in seq_along(e)) cat(sprintf("%-24s %.10g %.10g\n", labels[i], e[i], s[i])) }
bd <- function(...) { L <- list(...); N <- sum(sapply(L, nrow)); M <- matrix(0, N, N); a <- 0; for (m in L) { i <- a + seq_len(nrow(m)); M[i, i] <- m; a <- a + nrow(m) }; M }
x1 <- colMeans(X[g == 0, ]); x2 <- colMeans(X[g == 1, ])
th <- c(m1$b, m2$b, x1, x2); Vt <- bd(m1$V, m2$V, vx(X[g == 0, ]), vx(X[g == 1, ]))
sp <- function(t) list(b1 = t[1:4], b2 = t[5:8], x1 = t[9:12], x2 = t[13:16])
lab <- c("group_1", "group_2", "difference", "endowments", "coefficients", "interaction", "e:grade", "c:grade", "c:_cons", "i:tenure")
delta(function(t) { s <- sp(t); e <- (s$x1 - s$x2) * s$b2; c <- s$x2 * (s$b1 - s$b2); i <- (s$x1 - s$x2) * (s$b1 - s$b2)
  c(sum(s$x1 * s$b1), sum(s$x2 * s$b2), sum(s$x1 * s$b1) - sum(s$x2 * s$b2), sum(e), sum(c), sum(i), e[1], c[1], c[4], i[3]) }, th, Vt, "oaxaca threefold", lab)
delta(function(t) { s <- sp(t); e <- (s$x1 - s$x2) * s$b1; c <- s$x1 * (s$b1 - s$b2); i <- -(s$x1 - s$x2) * (s$b1 - s$b2)
  c(sum(s$x1 * s$b1), sum(s$x2 * s$b2), sum(s$x1 * s$b1) - sum(s$x2 * s$b2), sum(e), sum(c), sum(i), e[1], c[1], c[4], i[3]) }, th, Vt, "oaxaca threefold(reverse)", lab)
lab2 <- c("group_1", "group_2", "difference", "explained", "unexplained", "e:grade", "u:grade", "u:_cons")
two <- function(s, r) { e <- (s$x1 - s$x2) * r; u <- s$x1 * (s$b1 - r) + s$x2 * (r - s$b2); c(sum(s$x1 * s$b1), sum(s$x2 * s$b2), sum(s$x1 * s$b1) - sum(s$x2 * s$b2), sum(e), sum(u), e[1], u[1], u[4]) }
delta(function(t) { s <- sp(t); two(s, 0.3 * s$b1 + 0.7 * s$b2) }, th, Vt, "oaxaca weight(.3)", lab2)
joint <- function(P, name) { mp <- fit(P, w$lw); N <- nrow(X)
  I1 <- matrix(0, N, 4); I1[g == 0, ] <- (X[g == 0, ] * m1$r) %*% m1$A; I2 <- matrix(0, N, 4); I2[g == 1, ] <- (X[g == 1, ] * m2$r) %*% m2$A
  Ip <- (P * mp$r) %*% mp$A[, 1:4]; V <- crossprod(cbind(I1, I2, Ip)) * N / (N - 1)
  delta(function(t) two(list(b1 = t[1:4], b2 = t[5:8], x1 = t[13:16], x2 = t[17:20]), t[9:12]), c(m1$b, m2$b, mp$b[1:4], x1, x2), bd(V, vx(X[g == 0, ]), vx(X[g == 1, ])), name, lab2) }
joint(cbind(X, g), "oaxaca pooled"); joint(X, "oaxaca omega")

h <- as.data.frame(zap_labels(read_dta(file.path(folder, "hsb2.dta"))))
h$s <- 1 + (h$science > 45) + (h$science > 55)
Z <- cbind(h$read, h$write, h$female); Z1 <- cbind(Z, 1)
l <- lapply(1:2, function(c) glm(as.numeric(h$s > c) ~ Z, family = binomial, control = list(epsilon = 1e-15)))
ps <- lapply(l, fitted); A <- lapply(ps, function(p) solve(crossprod(Z1 * (p * (1 - p)), Z1)))
V <- matrix(0, 6, 6); for (i in 1:2) for (j in 1:2) { a <- min(i, j); b <- max(i, j); W <- ps[[b]] - ps[[a]] * ps[[b]]; M <- A[[i]] %*% crossprod(Z1 * W, Z1) %*% A[[j]]; V[(i - 1) * 3 + 1:3, (j - 1) * 3 + 1:3] <- M[1:3, 1:3] }
b <- c(coef(l[[1]])[2:4], coef(l[[2]])[2:4]); D <- cbind(diag(3), -diag(3)); q <- D %*% b
cat(sprintf("== brant %.10g\n", t(q) %*% solve(D %*% V %*% t(D)) %*% q)); for (i in 1:3) { r <- D[i, , drop = FALSE]; cat(sprintf("%.10g\n", (r %*% b)^2 / (r %*% V %*% t(r)))) }
