# Cragg's hurdle model, generalized negative binomial, censored Poisson, conditional moments and average marginal
# effects after tobit, heckman and biprobit: likelihoods written out, delta method by numDeriv.
# Usage: Rscript hurdles.R FOLDER, with mroz.dta and mus_docvis.dta in FOLDER.
suppressMessages({library(haven); library(numDeriv); library(survival)})
folder <- commandArgs(TRUE)[1]
m <- as.data.frame(zap_labels(read_dta(file.path(folder, "mroz.dta"))))
polish <- function(f, start) {
  total <- function(b) sum(f(b))
  b <- optim(start, total, method = "BFGS", control = list(fnscale = -1, maxit = 3000, reltol = 1e-15))$par
  for (i in 1:6) b <- b - solve(hessian(total, b), grad(total, b))
  list(b = b, V = solve(-hessian(total, b)), ll = total(b))
}
show <- function(name, fit, labels) { cat("==", name, "\n"); cat(sprintf("ll = %.10g\n", fit$ll)); for (i in seq_along(labels)) cat(sprintf("%-22s %.10g %.10g\n", labels[i], fit$b[i], sqrt(fit$V[i, i]))) }
ame <- function(name, f, fit) { J <- grad(f, fit$b); cat(sprintf("%-22s %.10g %.10g\n", name, f(fit$b), sqrt(as.vector(t(J) %*% fit$V %*% J)))) }
h <- m$hours / 1000; up <- h > 0
X <- cbind(m$educ, m$exper, 1); Z <- cbind(m$kidslt6, m$age, 1)
lin <- polish(function(b) { s <- exp(b[7]); xb <- X %*% b[1:3]; zg <- Z %*% b[4:6]
  ifelse(up, pnorm(zg, log.p = TRUE) + dnorm(h, xb, s, log = TRUE) - pnorm(xb / s, log.p = TRUE), pnorm(-zg, log.p = TRUE)) }, c(0, 0.04, 1, -0.8, -0.04, 1.9, -0.1))
lab <- c("educ", "exper", "_cons", "s:kidslt6", "s:age", "s:_cons", "lnsigma")
show("churdle linear", lin, lab)
ame("dydx educ", function(b) { s <- exp(b[7]); xb <- X %*% b[1:3]; k <- dnorm(xb / s) / pnorm(xb / s); mean(pnorm(Z %*% b[4:6]) * b[1] * (1 - k * (k + xb / s))) }, lin)
ex <- polish(function(b) { s <- exp(b[7]); xb <- X %*% b[1:3]; zg <- Z %*% b[4:6]
  ifelse(up, pnorm(zg, log.p = TRUE) + dlnorm(pmax(h, 1e-9), xb, s, log = TRUE), pnorm(-zg, log.p = TRUE)) }, c(0, 0.03, 0, -0.8, -0.04, 1.9, -0.1))
show("churdle exponential", ex, lab)
y <- m$kidsge6; W <- cbind(m$educ, m$age / 10, 1)
d <- as.data.frame(zap_labels(read_dta(file.path(folder, "mus_docvis.dta")))); W2 <- cbind(d$private, d$age / 10, d$totchr, 1); V2 <- cbind(d$female, d$totchr, 1)
gn <- polish(function(b) dnbinom(d$docvis, size = exp(-(V2 %*% b[5:7])), mu = exp(W2 %*% b[1:4]), log = TRUE), c(0.2, 0.1, 0.3, 0.5, 0, 0, -0.3))
show("gnbreg", gn, c("private", "age10", "totchr", "_cons", "a:female", "a:totchr", "a:_cons"))
cp <- polish(function(b) { mu <- exp(W %*% b); ifelse(y >= 3, ppois(2, mu, lower.tail = FALSE, log.p = TRUE), ifelse(y <= 1, ppois(1, mu, log.p = TRUE), dpois(y, mu, log = TRUE))) }, c(0, -0.1, 0.5))
show("cpoisson", cp, c("educ", "age10", "_cons"))
T <- cbind(m$educ, m$age, m$nwifeinc, 1)
to <- polish(function(b) { s <- exp(b[5]); xb <- T %*% b[1:4]; ifelse(up, dnorm(h, xb, s, log = TRUE), pnorm(-xb / s, log.p = TRUE)) }, c(0.1, 0, -0.02, 0, 0.3))
show("tobit", to, c("educ", "age", "nwifeinc", "_cons", "lnsigma"))
ame("ystar(0,.)", function(b) mean(pnorm(T %*% b[1:4] / exp(b[5]))) * b[1], to)
ame("e(0,.)", function(b) { a <- T %*% b[1:4] / exp(b[5]); l <- dnorm(a) / pnorm(a); mean(1 - l * (a + l)) * b[1] }, to)
ame("pr(0,.)", function(b) mean(dnorm(T %*% b[1:4] / exp(b[5]))) * b[1] / exp(b[5]), to)
a <- T %*% to$b[1:4] / exp(to$b[5]); s <- exp(to$b[5]); xb <- T %*% to$b[1:4]
cat(sprintf("mean ystar %.9g e %.9g pr(.,1) %.9g e(0,2) %.9g\n", mean(pnorm(a) * xb + s * dnorm(a)), mean(xb + s * dnorm(a) / pnorm(a)), mean(pnorm((1 - xb) / s)),
  mean(xb + s * (dnorm(-a) - dnorm((2 - xb) / s)) / (pnorm((2 - xb) / s) - pnorm(-a)))))
sel <- m$inlf == 1; lw <- ifelse(sel, m$lwage, 0); X1 <- cbind(m$educ, m$exper, 1); Z1 <- cbind(m$educ, m$exper, m$age, m$kidslt6, 1)
he <- polish(function(b) { r <- tanh(b[9]); s <- exp(b[10]); e <- (lw - X1 %*% b[1:3]) / s; zg <- Z1 %*% b[4:8]
  ifelse(sel, pnorm((zg + r * e) / sqrt(1 - r^2), log.p = TRUE) + dnorm(e, log = TRUE) - log(s), pnorm(-zg, log.p = TRUE)) }, c(0.1, 0.01, -0.5, 0.1, 0.07, -0.05, -0.8, 0.5, 0, -0.4))
show("heckman", he, c("educ", "exper", "_cons"))
imr <- function(z) dnorm(z) / pnorm(z)
ame("ycond", function(b) { zg <- Z1 %*% b[4:8]; k <- imr(zg); b[1] - tanh(b[9]) * exp(b[10]) * b[4] * mean(k * (k + zg)) }, he)
ame("psel", function(b) mean(dnorm(Z1 %*% b[4:8])) * b[4], he)
