# Published numbers of survival analysis, computed again from the data: stset, stdescribe, stsum, stci, sts, stcox, estat
# concordance, streg; and the tests of proportional hazards by Grambsch and Therneau's (1994) formula, which Stata uses and
# cox.zph left in version 3 of the package survival.
# Usage: Rscript published_survival.R FOLDER, with cancer.dta and lung.dta in FOLDER.
suppressMessages({library(haven); library(survival)})
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 9, format = "g"), "\n")
d <- read("cancer.dta"); names(d)[1] <- "time"; d$two <- as.numeric(d$drug > 1)
show("subjects failures risk", c(nrow(d), sum(d$died), sum(d$time), mean(d$time), range(d$time), median(d$time), mean(d$died)))
# Interval by log(-log S) with Greenwood's error.
km <- function(name, d, at) {
  f <- survfit(Surv(time, died) ~ 1, d, conf.type = "log-log", error = "greenwood"); s <- summary(f, times = at, extend = TRUE)
  for (i in seq_along(at)) show(paste(name, at[i]), c(s$n.risk[i], s$n.event[i], s$surv[i], s$std.err[i], s$lower[i], s$upper[i]))
  show(paste(name, "25 50 75"), c(quantile(f, c(.25, .5, .75))$quantile, sum(d$time), sum(d$died) / sum(d$time), nrow(d)))
}
km("all", d, c(1, 33)); km("drug 1", subset(d, drug == 1), c(1, 4, 9, 23)); km("drug 2", subset(d, drug == 2), c(6, 9, 25)); km("drug 3", subset(d, drug == 3), c(9, 25, 37))
t <- survdiff(Surv(time, died) ~ two, d); show("logrank obs exp chi2", c(t$obs, t$exp, t$chisq))
# stci: limits where the band of the survivor function crosses; standard error of a percentile from the slope of the survivor
# function between the last recorded time at or above p + .05 and the first at or below p - .05 (Collett 2003, section 2.5).
stci <- function(name, d) {
  f <- survfit(Surv(time, died) ~ 1, d, conf.type = "log-log"); t <- f$time; S <- f$surv; q <- quantile(f, .5)
  i <- which(t == q$quantile); u <- max(which(S >= .55 - 1e-12)); v <- min(which(S <= .45 + 1e-12))
  show(name, c(nrow(d), q$quantile, (f$std.err * S)[i] * (t[v] - t[u]) / (S[u] - S[v]), q$lower, q$upper))
}
l <- read("lung.dta"); l$time <- (l$time + 1) / 365.25
stci("stci lung 0", subset(l, female == 0)); stci("stci lung 1", subset(l, female == 1)); stci("stci lung", l)
cox <- function(name, d, formula) { f <- coxph(formula, d, ties = "breslow", control = coxph.control(eps = 1e-13, iter.max = 100)); b <- coef(f); s <- sqrt(diag(vcov(f)))
  show(paste(name, "ll LR"), c(f$loglik, 2 * diff(f$loglik))); show(paste(name, "hr se z"), c(exp(b), exp(b) * s, b / s)); show(paste(name, "limits"), c(exp(b - qnorm(.975) * s), exp(b + qnorm(.975) * s))); f }
f <- cox("drug trial", d, Surv(time, died) ~ two + age)
# Concordance: pairs whose earlier time is a failure; the higher prediction should fail first.
h <- predict(f, type = "lp"); P <- E <- T <- 0
for (i in seq_len(nrow(d))) for (j in seq_len(nrow(d))) if (d$died[i] && (d$time[i] < d$time[j] || (d$time[i] == d$time[j] && !d$died[j]))) { P <- P + 1; E <- E + (h[i] > h[j]); T <- T + (abs(h[i] - h[j]) < 1e-9) }
show("concordance P E T C D", c(P, E, T, (E + T / 2) / P, 2 * (E + T / 2) / P - 1))
proportional <- function(name, f, d, g) {
  r <- residuals(f, "schoenfeld"); r <- r[order(as.numeric(rownames(r))), ]; t <- sort(d$time[d$died == 1]); x <- g(t); V <- vcov(f); n <- nrow(r); x <- x - mean(x); u <- colSums(x * r)
  s <- n * r %*% V
  show(paste(name, "rho"), cor(x, s)); show(paste(name, "chi2"), n * (V %*% u)^2 / (diag(V) * sum(x^2))); show(paste(name, "global"), n * u %*% V %*% u / sum(x^2))
}
s <- survfit(Surv(time, died) ~ 1, d)
for (g in list(list("t", identity), list("log", log), list("rank", rank), list("km", function(t) 1 - summary(s, times = t)$surv)))
  proportional(paste("phtest", g[[1]]), f, d, g[[2]])
k <- data.frame(time = c(100, 140, 97, 122, 84, 100, 54, 52, 40, 55, 22, 30), load = rep(c(15, 20, 25, 30, 35, 40), each = 2), bearings = rep(0:1, 6), died = 1)
cox("kva", k, Surv(time, died) ~ load + bearings)
w <- survreg(Surv(time, died) ~ load + bearings, k, control = survreg.control(rel.tolerance = 1e-12)); p <- 1 / w$scale; b <- -coef(w) * p; V <- vcov(w)
J <- cbind(-p * diag(3), b); J <- rbind(J, c(0, 0, 0, -1)); J[1:3, 4] <- coef(w) * p; V <- J %*% V %*% t(J); s <- sqrt(diag(V))
show("kva weibull ll LR", c(w$loglik[2] + sum(log(k$time)), 2 * diff(w$loglik))); show("kva weibull hr se", c(exp(b), exp(b) * s[1:3]))
show("kva weibull lnp", c(log(p), s[4], log(p) + c(-1, 1) * qnorm(.975) * s[4], 1 / p, s[4] / p, b[1] / s[1]))

# Shared gamma frailty: the variance maximises the profile likelihood, whose second derivative gives its standard error.
# Catheter infections (McGilchrist and Aisbett 1991), and the made-up records of the case shared.
shared <- function(name, formula, d, theta) {
  at <- function(v) coxph(update(formula, substitute(. ~ . + frailty(g, theta = v, sparse = FALSE, eps = 1e-12), list(v = v))), d, ties = "breslow", control = coxph.control(eps = 1e-13, iter.max = 200, outer.max = 200, toler.chol = 1e-14))
  ll <- function(v) at(v)$history[[1]]$c.loglik
  best <- optimize(ll, theta * c(.5, 2), maximum = TRUE, tol = 1e-9); v <- best$maximum; h <- .05 * v; f <- at(v)
  second <- function(h) (ll(v + h) - 2 * best$objective + ll(v - h)) / h^2
  show(paste(name, "theta se ll"), c(v, 1 / sqrt(-(4 * second(h / 2) - second(h)) / 3), best$objective)); b <- coef(f)[1:2]; s <- sqrt(diag(f$var)[1:2])
  show(paste(name, "b se hr se"), c(b, s, exp(b), exp(b) * s)); show(paste(name, "chi2 LR"), c(t(b) %*% solve(f$var[1:2, 1:2], b), 2 * (best$objective - coxph(formula, d, ties = "breslow")$loglik[2])))
}
k <- survival::kidney; k$g <- k$id; k$female <- k$sex - 1; shared("catheter", Surv(time, status) ~ age + female, k, .475)
n <- 1:200; x <- (n * 37) %% 101 / 50 - 1; z <- (n * 53) %% 97 / 48 - 1; u <- ((n * 71) %% 199 + .5) / 200; t <- -log(u) * exp(-.5 * x) + n / 100000; g <- ceiling(n / 5)
shared("made-up", Surv(time, died) ~ x + z, data.frame(time = ceiling(8 * t * ifelse(g %% 4 == 0, 6, 1)), died = as.numeric((n * 13) %% 7 < 5), x, z, g), .3)
