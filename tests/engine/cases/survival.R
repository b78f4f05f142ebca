# Numbers of survival_*.toml that name this script: R with survival and cmprsk.
library(survival)
library(cmprsk)
show <- function(name, values) cat(name, formatC(values, digits = 10, format = "g"), "\n")

# Made-up records, as the cases generate them.
n <- 1:200
x <- (n * 37) %% 101 / 50 - 1
z <- (n * 53) %% 97 / 48 - 1
u <- ((n * 71) %% 199 + .5) / 200
t <- -log(u) * exp(-.5 * x) + n / 100000
c <- (n * 13) %% 7
cause <- ifelse(c < 3, 1, ifelse(c < 5, 2, 0))
d <- as.numeric(cause > 0)
whole <- ceiling(t * 8)
g <- n %% 3
start <- (n %% 5) / 5
late <- start < whole

for (ties in c("breslow", "efron", "exact")) {
  f <- coxph(Surv(whole, d) ~ x + z, ties = ties, control = coxph.control(eps = 1e-13, iter.max = 100))
  show(paste("cox", ties), c(coef(f), sqrt(diag(vcov(f))), f$loglik))
}
f <- coxph(Surv(whole, d) ~ x + z + cluster(g * 10 + n %% 10), ties = "efron",
           control = coxph.control(eps = 1e-13, iter.max = 100))
G <- length(unique(g * 10 + n %% 10))
show("cox efron cluster", c(coef(f), sqrt(diag(vcov(f)) * G / (G - 1))))
f <- coxph(Surv(whole, d) ~ x + z, ties = "breslow", robust = TRUE, control = coxph.control(eps = 1e-13, iter.max = 100))
show("cox breslow robust", c(coef(f), sqrt(diag(vcov(f)) * 200 / 199)))
f <- coxph(Surv(start, whole, d) ~ x + z + strata(g), ties = "breslow", subset = late,
           control = coxph.control(eps = 1e-13, iter.max = 100))
show("cox late entry strata", c(coef(f), sqrt(diag(vcov(f))), f$loglik[2]))
f <- coxph(Surv(whole, d) ~ x + z, ties = "breslow", weights = 1 + n %% 3, robust = TRUE,
           control = coxph.control(eps = 1e-13, iter.max = 100))
show("cox pweight", c(coef(f), sqrt(diag(vcov(f)) * 200 / 199)))
f <- coxph(Surv(whole, d) ~ x + tt(z), ties = "breslow", tt = function(v, t, ...) v * log(t),
           control = coxph.control(eps = 1e-13, iter.max = 100))
show("cox tvc", c(coef(f), sqrt(diag(vcov(f))), f$loglik[2]))
f <- coxph(Surv(whole, d) ~ x + z, ties = "breslow", control = coxph.control(eps = 1e-13, iter.max = 100))
m <- residuals(f, "martingale")
show("martingale sum of squares, first", c(sum(m^2), m[1]))
show("deviance residuals", c(sum(residuals(f, "deviance")^3), residuals(f, "deviance")[2]))
s <- residuals(f, "schoenfeld")
show("schoenfeld", c(sum(s[, 1]^2), sum(s[, 2]^2)))
s <- residuals(f, "score")
show("score residuals", c(sum(s[, 1]^2), sum(s[, 2]^2)))
h <- basehaz(f, centered = FALSE)
show("baseline cumulative hazard at 5 and 20", c(h$hazard[h$time == 5], h$hazard[h$time == 20]))
show("concordance", concordance(f)$concordance)

for (rho in 0:1) {
  k <- survdiff(Surv(whole, d) ~ g, rho = rho)
  show(paste("G-rho", rho), c(k$chisq, k$exp))
}
k <- survdiff(Surv(whole, d) ~ g + strata(n %% 2))
show("logrank strata", k$chisq)
f <- survfit(Surv(start, whole, d) ~ 1, subset = late, conf.type = "log-log")
i <- which(f$time == 8)
show("km late entry at 8", c(f$n.risk[i], f$surv[i], f$std.err[i] * f$surv[i], f$lower[i], f$upper[i]))
q <- quantile(f, c(.25, .5, .75))
show("quartiles", c(q$quantile))
f <- survfit(Surv(whole, d) ~ 1)
show("restricted mean", summary(f, rmean = max(whole))$table[c("rmean", "se(rmean)")])

lt <- sum(log(whole[d == 1]))
aft <- function(dist) survreg(Surv(whole, d) ~ x + z, dist = dist, control = survreg.control(rel.tolerance = 1e-13))
for (dist in c("weibull", "exponential", "lognormal", "loglogistic")) {
  f <- aft(dist)
  show(dist, c(coef(f), sqrt(diag(vcov(f))), log(f$scale), f$loglik[2] + lt))
}

f <- crr(t, cause, cbind(x, z), gtol = 1e-13)
show("subhazard", c(f$coef, sqrt(diag(f$var)), f$loglik))

# Likelihoods without a ready-made function: direct maximisation, ended by Newton steps with Richardson differences.
library(numDeriv)
best <- function(nll, start) {
  p <- optim(start, nll, method = "BFGS", control = list(reltol = 1e-14, maxit = 5000))$par
  for (i in 1:4) p <- p - solve(hessian(nll, p), grad(nll, p))
  c(p, sqrt(diag(solve(hessian(nll, p)))), -nll(p) + lt)
}
lin <- function(p) p[1] * x + p[2] * z + p[3]
gompertz <- function(p) {
  h <- lin(p)
  -sum(d * (h + p[4] * whole) - exp(h) / p[4] * (exp(p[4] * whole) - 1))
}
show("gompertz", best(gompertz, c(.3, 0, -3, .02)))
ggamma <- function(p) {
  s <- exp(p[4]); k <- p[5]; g <- 1 / k^2; v <- sign(k) * (log(whole) - lin(p)) / s; w <- g * exp(abs(k) * v)
  S <- if (k > 0) pgamma(w, g, lower.tail = FALSE) else pgamma(w, g)
  f <- g * log(g) - log(s) - log(whole) - .5 * log(g) - lgamma(g) + v * sqrt(g) - w
  -sum(ifelse(d == 1, f, log(S)))
}
show("ggamma", best(ggamma, c(-.3, 0, 2.5, 0, .8)))
mixed <- ceiling(8 * t * ifelse(n %% 4 == 0, 12, 1))
lt <- sum(log(mixed[d == 1]))
frail <- function(p) {
  sh <- exp(p[4]); th <- exp(p[5]); H <- exp(lin(p)) * mixed^sh
  lh <- lin(p) + p[4] + (sh - 1) * log(mixed)
  -sum(d * (lh - log(1 + th * H)) - log(1 + th * H) / th)
}
show("weibull gamma frailty", best(frail, c(.5, 0, -3, .3, -.5)))
lt <- sum(log(whole[d == 1]))
invg <- function(p) {
  sh <- exp(p[4]); th <- exp(p[5]); H <- exp(lin(p)) * whole^sh; r <- sqrt(1 + 2 * th * H)
  lh <- lin(p) + p[4] + (sh - 1) * log(whole)
  -sum(d * (lh - log(r)) - (r - 1) / th)
}
show("weibull inverse Gaussian frailty", best(invg, c(.5, 0, -3, .3, -.5)))
trunc <- function(p) {
  w <- whole[late]; s0 <- start[late]; dd <- d[late]; h <- lin(p)[late]; sh <- exp(p[4])
  -sum(dd * (h + p[4] + (sh - 1) * log(w)) - exp(h) * (w^sh - s0^sh))
}
lt <- sum(log(whole[late & d == 1]))
show("weibull late entry", best(trunc, c(.5, 0, -3, .2)))

# Shared gamma frailty; sparse = FALSE for exact standard errors.
h <- ceiling(n / 5)
uneven <- ceiling(8 * t * ifelse(h %% 4 == 0, 6, 1))
f <- coxph(Surv(uneven, d) ~ x + z + frailty(h, dist = "gamma", method = "em", eps = 1e-11, sparse = FALSE),
           ties = "breslow", control = coxph.control(eps = 1e-12, iter.max = 200, outer.max = 200))
show("shared frailty", c(coef(f)[c("x", "z")], sqrt(diag(f$var)[1:2]), f$history[[1]]$theta, f$history[[1]]$c.loglik))
