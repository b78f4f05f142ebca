# Likelihoods of limited dependent variables written out and maximised by maxLik; Hessians by numDeriv.
# Usage: Rscript limited_dependent.R FOLDER, with the published datasets (mroz.dta, nlsw88.dta, 401k.dta) in FOLDER.
suppressMessages({library(haven); library(numDeriv); library(mvtnorm)})
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))

polish <- function(f, start) {
  # f returns the vector of log likelihood terms
  total <- function(b) sum(f(b))
  b <- optim(start, total, method = "BFGS", control = list(fnscale = -1, maxit = 2000, reltol = 1e-15))$par
  for (i in 1:6) {
    g <- grad(total, b); H <- hessian(total, b)
    b <- b - solve(H, g)
  }
  H <- hessian(total, b)
  list(b = b, V = solve(-H), ll = total(b), S = jacobian(f, b))
}
show <- function(name, fit, labels, robust = FALSE, k = length(fit$b)) {
  V <- fit$V
  if (robust) { n <- nrow(fit$S); V <- V %*% crossprod(fit$S) %*% V * n / (n - 1) }
  cat("==", name, "\n")
  cat(sprintf("ll = %.10g\n", fit$ll))
  for (i in seq_len(k)) cat(sprintf("%-28s %.10g %.10g\n", labels[i], fit$b[i], sqrt(diag(V))[i]))
  invisible(V)
}
m <- read("mroz.dta"); n <- nrow(m)
y <- m$inlf
X <- cbind(m$educ, m$exper, m$age, m$kidslt6, 1)
xn <- c("educ", "exper", "age", "kidslt6", "_cons")
pb <- coef(glm(y ~ X - 1, family = binomial("probit")))

het <- polish(function(b) { a <- X %*% b[1:5] * exp(-b[6] * m$nwifeinc / 10)
  y * pnorm(a, log.p = TRUE) + (1 - y) * pnorm(-a, log.p = TRUE) }, c(pb, 0))
show("hetprobit (nwifeinc / 10)", het, c(xn, "lnsigma"))
V <- show("hetprobit robust", het, c(xn, "lnsigma"), TRUE)

lo <- coef(glm(y ~ X - 1, family = binomial("logit")))
sc <- polish(function(b) { t <- exp(b[6]) * log1p(exp(X %*% b[1:5])); ifelse(y == 1, log1p(-exp(-t)), -t) }, c(lo, 0))
show("scobit", sc, c(xn, "lnalpha"))

# --- endogenous regressors ---
Z <- cbind(m$educ, m$exper, m$age, m$kidslt6, m$huseduc, 1)
W <- cbind(m$nwifeinc, X)
rf <- lm.fit(Z, m$nwifeinc); v <- rf$residuals; s <- sqrt(mean(v^2))
ivp <- function(b) {
  sig <- exp(b[14]); r <- tanh(b[13]); e <- (m$nwifeinc - Z %*% b[7:12]) / sig
  a <- (W %*% b[1:6] + r * e) / sqrt(1 - r^2)
  dnorm(e, log = TRUE) - log(sig) + pnorm((2 * y - 1) * a, log.p = TRUE)
}
rv <- coef(glm(y ~ cbind(W, v) - 1, family = binomial("probit")))
fit <- polish(ivp, c(rv[1:6], rf$coefficients, 0.2, log(s)))
show("ivprobit", fit, c("nwifeinc", xn, "r:educ", "r:exper", "r:age", "r:kidslt6", "r:huseduc", "r:_cons", "athrho", "lnsigma"))
cat(sprintf("exogeneity chi2 = %.10g\n", fit$b[13]^2 / fit$V[13, 13]))
h <- m$hours / 1000
ivt <- function(b) {
  s1 <- exp(b[14]); sig <- exp(b[15]); r <- tanh(b[13]); e <- (m$nwifeinc - Z %*% b[7:12]) / sig
  z <- ((h - W %*% b[1:6]) / s1 - r * e) / sqrt(1 - r^2)
  dnorm(e, log = TRUE) - log(sig) + ifelse(h > 0, dnorm(z, log = TRUE) - log(s1) - 0.5 * log(1 - r^2), pnorm(z, log.p = TRUE))
}
start <- coef(lm.fit(cbind(W), h))
fit <- polish(ivt, c(start, rf$coefficients, 0.1, 0.1, log(s)))
show("ivtobit (hours / 1000)", fit, c("nwifeinc", xn, "r1", "r2", "r3", "r4", "r5", "r6", "athrho", "lnsigma1", "lnsigma2"))

# Newey's minimum chi-squared by its formulas, from probits with the residuals
newey <- function(alpha, J, lambda, b2) {
  D <- cbind(rf$coefficients, rbind(diag(4), 0, 0), c(0, 0, 0, 0, 0, 1))
  c1 <- m$nwifeinc * (lambda - b2); o <- lm.fit(Z, c1)
  Om <- J + sum(o$residuals^2) / (n - 6) * solve(crossprod(Z))
  V <- solve(t(D) %*% solve(Om) %*% D); list(b = V %*% t(D) %*% solve(Om) %*% alpha, V = V)
}
full <- glm(y ~ cbind(Z, v) - 1, family = binomial("probit"), control = list(epsilon = 1e-15))
pf <- polish(function(b) pnorm((2 * y - 1) * (cbind(Z, v) %*% b), log.p = TRUE), coef(full))
ps <- polish(function(b) pnorm((2 * y - 1) * (cbind(W, v) %*% b), log.p = TRUE), rv)
nw <- newey(pf$b[1:6], pf$V[1:6, 1:6], pf$b[7], ps$b[1])
cat("== ivprobit twostep\n"); print(cbind(nw$b, sqrt(diag(nw$V))), digits = 10)
cat(sprintf("exogeneity chi2 = %.10g\n", ps$b[7]^2 / ps$V[7, 7]))

# --- selection ---
sel <- y == 1
hi <- ifelse(sel, as.numeric(m$lwage > 1.2), 0)
X1 <- cbind(m$educ, m$exper, 1); Z1 <- cbind(m$educ, m$exper, m$age, m$kidslt6, m$nwifeinc, 1)
b2 <- function(h1, k1, r) mapply(function(a, b, c) pmvnorm(upper = c(a, b), corr = matrix(c(1, c, c, 1), 2), algorithm = TVPACK(abseps = 1e-15)), h1, k1, r)
hp <- function(b) {
  r <- tanh(b[10]); xb <- X1 %*% b[1:3]; zg <- Z1 %*% b[4:9]; out <- pnorm(-zg, log.p = TRUE)
  q <- ifelse(hi == 1, 1, -1)
  out[sel] <- log(b2((q * xb)[sel], zg[sel], (q * r)[sel])); out
}
a0 <- coef(glm(hi[sel] ~ X1[sel, ] - 1, family = binomial("probit"))); g0 <- coef(glm(sel ~ Z1 - 1, family = binomial("probit")))
fit <- polish(hp, c(a0, g0, 0.1))
show("heckprobit", fit, c("educ", "exper", "_cons", "s:educ", "s:exper", "s:age", "s:kidslt6", "s:nwifeinc", "s:_cons", "athrho"))

# --- endogenous treatment ---
w <- read("nlsw88.dta"); w <- w[complete.cases(w[, c("wage", "age", "grade", "south", "union", "c_city")]), ]
X2 <- cbind(w$age, w$grade, w$south, w$union, 1); Z2 <- cbind(w$south, w$age, w$c_city, 1)
et <- function(b) {
  r <- tanh(b[10]); s <- exp(b[11]); e <- (w$wage - X2 %*% b[1:5]) / s; zg <- Z2 %*% b[6:9]
  pnorm((2 * w$union - 1) * (zg + r * e) / sqrt(1 - r^2), log.p = TRUE) + dnorm(e, log = TRUE) - log(s)
}
pr <- polish(function(b) pnorm((2 * w$union - 1) * (Z2 %*% b), log.p = TRUE), coef(glm(w$union ~ Z2 - 1, family = binomial("probit"))))
fit <- polish(et, c(lm.fit(X2, w$wage)$coefficients, pr$b, -0.5, log(4)))
show("etregress", fit, c("age", "grade", "south", "1.union", "_cons", "t:south", "t:age", "t:c_city", "t:_cons", "athrho", "lnsigma"))
ls <- -0.5 * nrow(w) * (log(2 * pi) + log(mean(lm.fit(X2, w$wage)$residuals^2)) + 1)
cat(sprintf("LR of independence %.10g\n", 2 * (fit$ll - pr$ll - ls)))
zg <- Z2 %*% pr$b; hz <- ifelse(w$union == 1, dnorm(zg) / pnorm(zg), -dnorm(zg) / pnorm(-zg)); d <- as.vector(hz * (hz + zg))
Q <- cbind(X2, hz); o <- lm.fit(Q, w$wage); bl <- o$coefficients[6]
s2 <- (sum(o$residuals^2) + bl^2 * sum(d)) / nrow(w); rho <- bl / sqrt(s2)
A <- solve(crossprod(Q)); Fm <- crossprod(Q * d, Z2)
V <- s2 * A %*% (crossprod(Q * (1 - rho^2 * d), Q) + rho^2 * Fm %*% pr$V %*% t(Fm)) %*% A
cat("== etregress twostep\n"); print(cbind(o$coefficients, sqrt(diag(V))), digits = 10); cat(sprintf("rho %.10g sigma %.10g\n", rho, sqrt(s2)))

# --- shares ---
k <- read("401k.dta"); k$p <- k$prate / 100
Xk <- cbind(k$mrate, k$age, k$sole, 1)
fl <- glm(k$p ~ Xk - 1, family = quasibinomial, control = list(epsilon = 1e-15))
fr <- polish(function(b) { e <- Xk %*% b; k$p * e - log1p(exp(e)) }, coef(fl))
show("fracreg logit", fr, c("mrate", "age", "sole", "_cons"), TRUE)
frp <- polish(function(b) { e <- Xk %*% b; k$p * pnorm(e, log.p = TRUE) + (1 - k$p) * pnorm(-e, log.p = TRUE) }, coef(fl) / 1.7)
show("fracreg probit", frp, c("mrate", "age", "sole", "_cons"), TRUE)
frh <- polish(function(b) { e <- (Xk[, c(1, 2, 4)] %*% b[1:3]) * exp(-b[4] * k$sole); k$p * pnorm(e, log.p = TRUE) + (1 - k$p) * pnorm(-e, log.p = TRUE) }, c(0.4, 0.01, 0.7, 0))
show("fracreg probit het(sole)", frh, c("mrate", "age", "_cons", "lnsigma:sole"), TRUE)
u <- k[k$p < 1, ]; Xu <- cbind(u$mrate, u$age, u$sole, 1)
bt <- function(g, h) function(b) { mu <- g(Xu %*% b[1:4]); ps <- h(b[5] * u$age / 10 + b[6]); dbeta(u$p, mu * ps, (1 - mu) * ps, log = TRUE) }
fit <- polish(bt(plogis, exp), c(0.38, 0.02, 0.1, 0.7, 0, 1.7))
show("betareg logit log scale(age/10)", fit, c("mrate", "age", "sole", "_cons", "s:age10", "s:_cons"))
fit <- polish(bt(pnorm, function(x) x^2), c(0.2, 0.01, 0.1, 0.4, 0, 2.2))
show("betareg probit root scale(age/10)", fit, c("mrate", "age", "sole", "_cons", "s:age10", "s:_cons"))
