# Random intercepts: likelihoods integrated by the trapezoidal rule on a fine grid, which knows nothing of
# quadrature, maximised with Newton steps on extrapolated differences; GEE by geepack and from its equations.
# Rscript xt_random_effects.R > xt_random_effects.toml, run in this folder.
source("cases.R")
# The data come from residues, so that the cases need not carry them.
data <- "set obs 360
generate id = ceil(_n/6)
generate t = mod(_n-1, 6) + 1
generate double x = round(invnormal((mod(31*_n^2 + 17*_n, 1009) + .5)/1009), .001)
generate double z = round(mod(53*_n^2 + 29*_n, 997)/997, .001)
generate double u = invnormal((mod(37*id^2 + 11*id, 61) + .5)/61)
generate double v = (mod(71*_n^2 + 43*_n, 1013) + .5)/1013
generate d = .3 + .8*x - .5*z + 1.1*u + ln(v/(1 - v)) > 0
generate c = floor(-ln(v)*exp(.7 + .4*x - .3*z + .6*u))
generate double y = round(1 + .7*x - .4*z + .8*u + invnormal(v), .001)
generate q = 1 + (y > .3) + (y > 1.5)
generate double e = 1 + mod(_n, 7)/4
drop if mod(id, 4) == 0 & t > 4
xtset id t"
i <- 1:360
d <- data.frame(id = ceiling(i / 6), t = (i - 1) %% 6 + 1, x = round(qnorm(((31 * i^2 + 17 * i) %% 1009 + 0.5) / 1009), 3), z = round(((53 * i^2 + 29 * i) %% 997) / 997, 3))
u <- qnorm(((37 * d$id^2 + 11 * d$id) %% 61 + 0.5) / 61); v <- ((71 * i^2 + 43 * i) %% 1013 + 0.5) / 1013
d$d <- as.numeric(0.3 + 0.8 * d$x - 0.5 * d$z + 1.1 * u + log(v / (1 - v)) > 0)
d$c <- floor(-log(v) * exp(0.7 + 0.4 * d$x - 0.3 * d$z + 0.6 * u))
d$y <- round(1 + 0.7 * d$x - 0.4 * d$z + 0.8 * u + qnorm(v), 3)
d$q <- 1 + (d$y > 0.3) + (d$y > 1.5)
d$e <- 1 + (i %% 7) / 4
d <- d[!(d$id %% 4 == 0 & d$t > 4), ]
X <- cbind(d$x, d$z, 1); k <- 3
byid <- function(v) rowsum(v, d$id)

differences <- function(f, p, h) {
  m <- length(p); g <- numeric(m); H <- matrix(0, m, m)
  f0 <- f(p)
  for (i in 1:m) { ei <- replace(numeric(m), i, h); fp <- f(p + ei); fm <- f(p - ei)
    g[i] <- (fp - fm) / (2 * h); H[i, i] <- (fp - 2 * f0 + fm) / h^2 }
  if (m > 1) for (i in 2:m) for (j in 1:(i - 1)) { ei <- replace(numeric(m), i, h); ej <- replace(numeric(m), j, h)
    H[i, j] <- H[j, i] <- (f(p + ei + ej) - f(p + ei - ej) - f(p - ei + ej) + f(p - ei - ej)) / (4 * h^2) }
  list(g = g, H = H)
}
extrapolated <- function(f, p) {
  a <- differences(f, p, 4e-3); b <- differences(f, p, 2e-3); c <- differences(f, p, 1e-3)
  r1 <- Map(function(a, b) (4 * b - a) / 3, a, b); r2 <- Map(function(b, c) (4 * c - b) / 3, b, c)
  Map(function(a, b) (16 * b - a) / 15, r1, r2)
}
ml <- function(f, start) {
  p <- optim(start, function(p) -f(p), method = "BFGS", control = list(reltol = 1e-13, maxit = 2000))$par
  for (i in 1:4) { e <- extrapolated(f, p); p <- p - solve(e$H, e$g) }
  e <- extrapolated(f, p)
  list(p = p, V = solve(-e$H), se = sqrt(diag(solve(-e$H))), ll = f(p))
}
grid <- seq(-9, 9, length.out = 201); w <- dnorm(grid) * (grid[2] - grid[1])
# log of the sum over groups of the integral of exp(sum of log densities at xb + sigma v)
integrated <- function(logf, eta, sigma) {
  L <- sapply(grid, function(v) byid(logf(eta + sigma * v)))
  top <- apply(L, 1, max)
  sum(top + log(exp(L - top) %*% w))
}
normal_intercept <- function(density, start, extra = 0, transform = NULL) {
  f <- function(p) { m <- length(p); a <- if (extra) p[(k + 1):(k + extra)] else NULL
    integrated(function(eta) density(eta, a), drop(X[, seq_len(k)] %*% p[1:k]), exp(p[m] / 2)) }
  ml(f, start)
}
report <- function(fit, names = c("x", "z", "_cons")) c(named("_b", fit$p[1:length(names)], names), named("_se", fit$se[1:length(names)], names), "e(ll)" = fit$ll)
link <- function(F) function(eta, a) { p <- F(eta); log(ifelse(d$d == 1, p, 1 - p)) }
logistic <- function(eta, a) plogis(ifelse(d$d == 1, eta, -eta), log.p = TRUE)
probit <- function(eta, a) pnorm(ifelse(d$d == 1, eta, -eta), log.p = TRUE)
cloglog <- function(eta, a) ifelse(d$d == 1, log(-expm1(-exp(eta))), -exp(eta))
last <- function(fit) fit$p[length(fit$p)]; last_se <- function(fit) fit$se[length(fit$se)]
tail_of <- function(fit) c("_b[/lnsig2u]" = last(fit), "_se[/lnsig2u]" = last_se(fit), "e(sigma_u)" = exp(last(fit) / 2))

fit <- normal_intercept(logistic, c(0.8, -0.5, 0.3, 0)); s2 <- exp(last(fit))
case("xtlogit", "random_effects", paste0(data, "\nxtlogit d x z, intpoints(40)"), report(fit), tail_of(fit), "e(rho)" = s2 / (s2 + pi^2 / 3), "e(N_g)" = length(unique(d$id)), "e(g_min)" = 4, "e(g_max)" = 6, rtol = 1e-6)
case("xtlogit", "twelve_points", paste0(data, "\nxtlogit d x z"), report(fit)[-c(3, 6)], rtol = 2e-6, with = "12 points suffice here but for the last digits; the constant, almost zero, is left out")
case("xtlogit", "nonadaptive", paste0(data, "\nxtlogit d x z, intmethod(ghermite) intpoints(80)"), report(fit), tail_of(fit), rtol = 2e-6)
case("xtlogit", "mode_curvature", paste0(data, "\nxtlogit d x z, intmethod(aghermite) intpoints(40)"), report(fit), tail_of(fit), rtol = 1e-6)
case("xtlogit", "odds_ratio", paste0(data, "\nxtlogit d x z, or intpoints(40)"), "el(r(table),1,1)" = exp(fit$p[1]), "el(r(table),2,1)" = exp(fit$p[1]) * fit$se[1], rtol = 1e-6)
pooled <- glm(d ~ x + z, binomial, d); W <- drop(fit$p[1:2] %*% solve(fit$V[1:2, 1:2]) %*% fit$p[1:2])
case("xtlogit", "tests", paste0(data, "\nxtlogit d x z, intpoints(40)"), "e(chi2)" = W, "e(chi2_c)" = 2 * (fit$ll - as.numeric(logLik(pooled))), rtol = 1e-6)
eta <- drop(X %*% fit$p[1:3]); S <- exp(last(fit) / 2)
marginal <- function(F) sapply(eta, function(e) sum(F(e + S * grid) * w))
p <- marginal(plogis); slope <- fit$p[1] * mean(marginal(dlogis))
case("xtlogit", "predict", paste0(data, "\nxtlogit d x z, intpoints(40)\npredict double p, pr\npredict double p0, pu0\npredict double xb"), "p[1]" = p[1], "p[100]" = p[100], "p0[7]" = plogis(eta[7]), "xb[3]" = eta[3], rtol = 1e-6)
case("xtlogit", "margins", paste0(data, "\nxtlogit d x z, intpoints(40)\nmargins, dydx(x)"), "el(r(b),1,1)" = slope, rtol = 1e-6)
delta <- function(f, fit) { g <- differences(f, fit$p, 1e-4)$g; sqrt(drop(g %*% fit$V %*% g)) }
ame <- function(p) { e <- drop(X %*% p[1:3]); s <- exp(p[4] / 2); p[1] * mean(sapply(e, function(e) sum(dlogis(e + s * grid) * w))) }
case("xtlogit", "margins_error", paste0(data, "\nxtlogit d x z, intpoints(40)\nmargins, dydx(x)"), "sqrt(el(r(V),1,1))" = delta(ame, fit), rtol = 1e-5)
bygroup <- function(f0) function(p) { f <- function(i) f0(p, i); sapply(unique(d$id), f) }
group_ll <- function(p) { L <- sapply(grid, function(v) byid(logistic(drop(X %*% p[1:3]) + exp(p[4] / 2) * v))); top <- apply(L, 1, max); drop(top + log(exp(L - top) %*% w)) }
scores <- sapply(1:4, function(j) { h <- 1e-4; e <- replace(numeric(4), j, h); (8 * (group_ll(fit$p + e) - group_ll(fit$p - e)) - (group_ll(fit$p + 2 * e) - group_ll(fit$p - 2 * e))) / (12 * h) })
m <- nrow(scores); R <- fit$V %*% crossprod(scores) %*% fit$V * m / (m - 1)
case("xtlogit", "robust", paste0(data, "\nxtlogit d x z, vce(robust) intpoints(40)"), named("_se", sqrt(diag(R))[1:3], c("x", "z", "_cons")), "_se[/lnsig2u]" = sqrt(R[4, 4]), "e(N_clust)" = m, rtol = 1e-5)
d$coarse <- ceiling(d$id / 3); sc <- rowsum(scores, ceiling(unique(d$id) / 3)); mc <- nrow(sc); Rc <- fit$V %*% crossprod(sc) %*% fit$V * mc / (mc - 1)
case("xtlogit", "cluster", paste0(data, "\ngenerate coarse = ceil(id/3)\nxtlogit d x z, vce(cluster coarse) intpoints(40)"), named("_se", sqrt(diag(Rc))[1:3], c("x", "z", "_cons")), rtol = 1e-5)
case("melogit", "same_model", paste0(data, "\nmelogit d x z || id:, intpoints(40)"), report(fit), "_b[/var(_cons[id])]" = s2, "_se[/var(_cons[id])]" = s2 * last_se(fit), rtol = 1e-6)
rho <- s2 / (s2 + pi^2 / 3)
case("estat", "icc_melogit", paste0(data, "\nmelogit d x z || id:, intpoints(40)\nestat icc"), "r(icc2)" = rho, "r(se2)" = rho * (1 - rho) * last_se(fit), rtol = 1e-6)
L <- sapply(grid, function(v) byid(logistic(eta + S * v))); post <- exp(L - apply(L, 1, max)) * rep(w, each = nrow(L)); eb <- drop(post %*% grid) / rowSums(post) * S
case("melogit", "predict", paste0(data, "\nmelogit d x z || id:, intpoints(40)\npredict double m\npredict double r, reffects"), "m[1]" = plogis(eta[1] + eb[1]), "r[1]" = eb[1], "r[100]" = eb[match(d$id[100], unique(d$id))], rtol = 1e-6)
case("melogit", "margins", paste0(data, "\nmelogit d x z || id:, intpoints(40)\nmargins, dydx(x)"), "el(r(b),1,1)" = slope, rtol = 1e-6)
g <- lme4::glmer(d ~ x + z + (1 | id), d, family = binomial, nAGQ = 25, control = lme4::glmerControl(optCtrl = list(maxfun = 1e5), tolPwrss = 1e-12))
case("melogit", "lme4", paste0(data, "\nmelogit d x z || id:, intpoints(25)"), named("_b", lme4::fixef(g)[c(2, 3)], c("x", "z")), rtol = 1e-4, with = "lme4::glmer, whose optimiser stops earlier; the constant, almost zero, is left out")

fit <- normal_intercept(probit, c(0.5, -0.3, 0.2, -0.5)); s2 <- exp(last(fit))
case("xtprobit", "random_effects", paste0(data, "\nxtprobit d x z, intpoints(40)"), report(fit), tail_of(fit), "e(rho)" = s2 / (s2 + 1), rtol = 1e-6)
eta <- drop(X %*% fit$p[1:3])
case("xtprobit", "predict", paste0(data, "\nxtprobit d x z, re intpoints(40)\npredict double p, pr"), "p[5]" = pnorm(eta[5] / sqrt(1 + s2)), rtol = 1e-6, with = "closed form of the marginal probability")
case("meprobit", "same_model", paste0(data, "\nmeprobit d x z || id:, intpoints(40)"), report(fit), "_b[/var(_cons[id])]" = s2, rtol = 1e-6)
fit0 <- ml(function(p) integrated(function(eta) probit(eta), d$x * p[1], exp(p[2] / 2)), c(0.5, -0.5))
case("xtprobit", "noconstant", paste0(data, "\nxtprobit d x, noconstant intpoints(40)"), "_b[x]" = fit0$p[1], "_se[x]" = fit0$se[1], "e(ll)" = fit0$ll, rtol = 1e-6)
fito <- ml(function(p) integrated(function(eta) probit(eta), d$x * p[1] + p[2] + d$z, exp(p[3] / 2)), c(0.5, 0, -0.5))
case("xtprobit", "offset", paste0(data, "\nxtprobit d x, offset(z) intpoints(40)"), "_b[x]" = fito$p[1], "_se[x]" = fito$se[1], "_b[_cons]" = fito$p[2], rtol = 1e-6)
fit <- normal_intercept(cloglog, c(0.5, -0.3, -0.3, -0.5)); s2 <- exp(last(fit))
case("xtcloglog", "random_effects", paste0(data, "\nxtcloglog d x z, intpoints(40)"), report(fit), tail_of(fit), "e(rho)" = s2 / (s2 + pi^2 / 6), rtol = 1e-6)
case("xtcloglog", "eform", paste0(data, "\nxtcloglog d x z, eform intpoints(40)"), "el(r(table),1,1)" = exp(fit$p[1]), rtol = 1e-6)
case("mecloglog", "same_model", paste0(data, "\nmecloglog d x z || id:, intpoints(40)"), report(fit), "_b[/var(_cons[id])]" = s2, rtol = 1e-6)
eta <- drop(X %*% fit$p[1:3])
case("xtcloglog", "predict", paste0(data, "\nxtcloglog d x z, intpoints(40)\npredict double p0, pu0"), "p0[5]" = -expm1(-exp(eta[5])), rtol = 1e-6)
poisson_d <- function(eta, a) dpois(d$c, exp(eta), log = TRUE)
fit <- normal_intercept(poisson_d, c(0.4, -0.3, 0.2, -1)); s2 <- exp(last(fit))
case("xtpoisson", "normal", paste0(data, "\nxtpoisson c x z, normal intpoints(40)"), report(fit), tail_of(fit), rtol = 1e-6)
eta <- drop(X %*% fit$p[1:3])
case("xtpoisson", "normal_predict", paste0(data, "\nxtpoisson c x z, normal intpoints(40)\npredict double n, n\npredict double n0, nu0"), "n[4]" = exp(eta[4] + s2 / 2), "n0[4]" = exp(eta[4]), rtol = 1e-6)
case("mepoisson", "same_model", paste0(data, "\nmepoisson c x z || id:, intpoints(40)"), report(fit), "_b[/var(_cons[id])]" = s2, rtol = 1e-6)
fite <- ml(function(p) integrated(function(eta) dpois(d$c, exp(eta), log = TRUE), d$x * p[1] + p[2] + log(d$e), exp(p[3] / 2)), c(0.4, 0, -1))
case("mepoisson", "exposure", paste0(data, "\nmepoisson c x, exposure(e) irr || id:, intpoints(40)"), "_b[x]" = fite$p[1], "el(r(table),1,1)" = exp(fite$p[1]), "e(ll)" = fite$ll, rtol = 1e-6)
case("meprobit", "comparison", paste0(data, "\nmeprobit d x z || id:"), "e(ll_c)" = as.numeric(logLik(glm(d ~ x + z, binomial("probit"), d))), "e(n_quad)" = 7, rtol = 1e-6)
case("mecloglog", "comparison", paste0(data, "\nmecloglog d x z || id:"), "e(ll_c)" = as.numeric(logLik(glm(d ~ x + z, binomial("cloglog"), d))), rtol = 1e-6)
case("mepoisson", "comparison", paste0(data, "\nmepoisson c x z || id:"), "e(ll_c)" = as.numeric(logLik(glm(c ~ x + z, poisson, d))), rtol = 1e-6)

# Censored at 0 and 2.5; intervals of width one.
tobit_d <- function(eta, a) { s <- exp(a); ifelse(d$y <= 0, pnorm((0 - eta) / s, log.p = TRUE), ifelse(d$y >= 2.5, pnorm((eta - 2.5) / s, log.p = TRUE), dnorm(d$y, eta, s, log = TRUE))) }
fit <- normal_intercept(tobit_d, c(0.7, -0.4, 1, 0, -0.4), 1); se <- exp(fit$p[4]); su <- exp(fit$p[5] / 2)
case("xttobit", "two_limits", paste0(data, "\nxttobit y x z, ll(0) ul(2.5) intpoints(60)"), report(fit), "_b[/sigma_e]" = se, "_se[/sigma_e]" = se * fit$se[4], "_b[/sigma_u]" = su, "_se[/sigma_u]" = su * fit$se[5] / 2, "e(N_lc)" = sum(d$y <= 0), "e(N_rc)" = sum(d$y >= 2.5), "e(rho)" = su^2 / (su^2 + se^2), rtol = 1e-6)
tobit_l <- function(eta, a) { s <- exp(a); ifelse(d$y <= 0, pnorm((0 - eta) / s, log.p = TRUE), dnorm(d$y, eta, s, log = TRUE)) }
fit <- normal_intercept(tobit_l, c(0.7, -0.4, 1, 0, -0.4), 1)
case("xttobit", "lower_limit", paste0(data, "\nxttobit y x z, ll(0) tobit intpoints(60)"), report(fit), "e(N_lc)" = sum(d$y <= 0), "e(N_unc)" = sum(d$y > 0), rtol = 1e-6)
linear <- function(eta, a) dnorm(d$y, eta, exp(a), log = TRUE)
fit <- nlme::lme(y ~ x + z, d, random = ~ 1 | id, method = "ML", control = nlme::lmeControl(tolerance = 1e-12, msTol = 1e-14))
case("xttobit", "uncensored", paste0(data, "\nxttobit y x z, intpoints(80)"), named("_b", nlme::fixef(fit)[c(2, 3, 1)], c("x", "z", "_cons")), "e(ll)" = as.numeric(logLik(fit)), rtol = 1e-5, with = "nlme::lme by ML: without censoring the model is linear")
lo <- floor(d$y); hi <- lo + 1
interval_d <- function(eta, a) { s <- exp(a); log(pnorm((hi - eta) / s) - pnorm((lo - eta) / s)) }
fit <- normal_intercept(interval_d, c(0.7, -0.4, 1, 0, -0.4), 1); se <- exp(fit$p[4]); su <- exp(fit$p[5] / 2)
case("xtintreg", "intervals", paste0(data, "\ngenerate lo = floor(y)\ngenerate hi = lo + 1\nxtintreg lo hi x z, intpoints(60)"), report(fit), "_b[/sigma_e]" = se, "_b[/sigma_u]" = su, "e(N_int)" = nrow(d), rtol = 1e-6)
case("xtintreg", "points", paste0(data, "\nxtintreg y y x z, intpoints(80)\nscalar a = e(ll)\nxttobit y x z, intpoints(80)\nscalar same = reldif(a, e(ll)) < 1e-9"), "same" = 1, "e(N_unc)" = nrow(d), with = "identity: points are uncensored outcomes")
open <- function(eta, a) { s <- exp(a); ifelse(d$y > 2, pnorm((eta - 2) / s, log.p = TRUE), log(pnorm((hi - eta) / s) - pnorm((lo - eta) / s))) }
fit <- normal_intercept(open, c(0.7, -0.4, 1, 0, -0.4), 1)
case("xtintreg", "open_ended", paste0(data, "\ngenerate lo = cond(y > 2, 2, floor(y))\ngenerate hi = lo + 1 if y <= 2\nxtintreg lo hi x z, intpoints(60)"), report(fit), "e(N_rc)" = sum(d$y > 2), rtol = 1e-6)

# Ordered outcomes: no constant, two cut points.
X <- cbind(d$x, d$z); k <- 2
ordered_d <- function(F) function(eta, a) log(ifelse(d$q == 1, F(a[1] - eta), ifelse(d$q == 2, F(a[2] - eta) - F(a[1] - eta), F(eta - a[2]))))
for (each in list(list("ologit", plogis), list("oprobit", pnorm))) {
  fit <- normal_intercept(ordered_d(each[[2]]), c(0.8, -0.4, -0.5, 0.8, 0), 2); s2 <- exp(last(fit))
  xt <- paste0("xt", each[[1]]); me <- paste0("me", each[[1]])
  values <- c(report(fit, c("x", "z")), "_b[/cut1]" = fit$p[3], "_se[/cut1]" = fit$se[3], "_b[/cut2]" = fit$p[4], "_se[/cut2]" = fit$se[4])
  case(xt, "three_outcomes", paste0(data, "\n", xt, " q x z, intpoints(40)"), values, "_b[/sigma2_u]" = s2, "_se[/sigma2_u]" = s2 * last_se(fit), rtol = 1e-6)
  case(me, "three_outcomes", paste0(data, "\n", me, " q x z || id:, intpoints(40)"), values, "_b[/var(_cons[id])]" = s2, rtol = 1e-6)
  e <- drop(X %*% fit$p[1:2]); F <- each[[2]]; s <- sqrt(s2)
  p3 <- sapply(e, function(e) sum(F(e + s * grid - fit$p[4]) * w)); p1 <- sapply(e, function(e) sum(F(fit$p[3] - e - s * grid) * w))
  case(xt, "predict", paste0(data, "\n", xt, " q x z, intpoints(40)\npredict double p1 p2 p3, pr\npredict double z2, pu0 outcome(2)"), "p1[9]" = p1[9], "p3[9]" = p3[9], "p2[9]" = 1 - p1[9] - p3[9], "z2[9]" = F(fit$p[4] - e[9]) - F(fit$p[3] - e[9]), rtol = 1e-6)
  case(xt, "margins", paste0(data, "\n", xt, " q x z, intpoints(40)\nmargins, predict(outcome(3))"), "el(r(b),1,1)" = mean(p3), rtol = 1e-6)
  case(me, "margins", paste0(data, "\n", me, " q x z || id:, intpoints(40)\nmargins, predict(outcome(3))"), "el(r(b),1,1)" = mean(p3), rtol = 1e-6)
  if (each[[1]] == "ologit") case(me, "icc", paste0(data, "\nmeologit q x z || id:, intpoints(40)\nestat icc"), "r(icc2)" = s2 / (s2 + pi^2 / 3), rtol = 1e-6)
  if (each[[1]] == "oprobit") case(me, "icc", paste0(data, "\nmeoprobit q x z || id:, intpoints(40)\nestat icc"), "r(icc2)" = s2 / (s2 + 1), rtol = 1e-6)
}

# Counts with gamma and beta effects, the effects integrated numerically.
X <- cbind(d$x, d$z, 1); k <- 3
over <- function(logf, points, weights) { L <- sapply(points, logf); top <- apply(L, 1, max); sum(top + log(exp(L - top) %*% weights)) }
lv <- seq(-14, 6, length.out = 601)
gamma_ll <- function(p) { th <- exp(-p[4]); mu <- exp(drop(X %*% p[1:3])); v <- exp(lv)
  over(function(v) byid(dpois(d$c, mu * v, log = TRUE)), v, dgamma(v, th, th) * v * (lv[2] - lv[1])) }
fit <- ml(gamma_ll, c(0.4, -0.3, 0.4, -1))
case("xtpoisson", "gamma", paste0(data, "\nxtpoisson c x z"), report(fit), "_b[/lnalpha]" = fit$p[4], "_se[/lnalpha]" = fit$se[4], "e(alpha)" = exp(fit$p[4]), "e(chi2_c)" = 2 * (fit$ll - as.numeric(logLik(glm(c ~ x + z, poisson, d)))), rtol = 1e-6)
case("xtpoisson", "gamma_irr", paste0(data, "\nxtpoisson c x z, re irr"), "el(r(table),1,2)" = exp(fit$p[2]), rtol = 1e-6)
lp <- seq(-16, 16, length.out = 601); pr <- plogis(lp)
beta_ll <- function(p) { r <- exp(p[4]); s <- exp(p[5]); mu <- exp(drop(X %*% p[1:3]))
  over(function(q) byid(dnbinom(d$c, mu, q, log = TRUE)), pr, dbeta(pr, r, s) * pr * (1 - pr) * (lp[2] - lp[1])) }
fit <- ml(beta_ll, c(0.4, -0.3, 1, 1, 1))
case("xtnbreg", "random_effects", paste0(data, "\nxtnbreg c x z"), report(fit), "_b[/ln_r]" = fit$p[4], "_se[/ln_r]" = fit$se[4], "_b[/ln_s]" = fit$p[5], "_se[/ln_s]" = fit$se[5], "e(r)" = exp(fit$p[4]), rtol = 2e-6, with = "the numerical integral of the effects limits the agreement")
nb1 <- ml(function(p) { dl <- exp(p[4]); sum(dnbinom(d$c, exp(drop(X %*% p[1:3])) / dl, 1 / (1 + dl), log = TRUE)) }, c(0.4, -0.3, 0.4, 0))
case("xtnbreg", "pooled", paste0(data, "\nxtnbreg c x z"), "e(ll_c)" = nb1$ll, "e(chi2_c)" = 2 * (fit$ll - nb1$ll), rtol = 2e-6)
fixed_ll <- function(p) { mu <- exp(drop(X %*% p)); L <- byid(mu); Y <- byid(d$c)
  sum(byid(lgamma(mu + d$c) - lgamma(mu) - lgamma(d$c + 1)) + lgamma(L) + lgamma(Y + 1) - lgamma(L + Y)) }
fit <- ml(fixed_ll, c(0.4, -0.3, 0.2))
case("xtnbreg", "fixed_effects", paste0(data, "\nxtnbreg c x z, fe"), report(fit), rtol = 1e-6)

# Generalized estimating equations.
gee <- function(formula, family, corstr) summary(geepack::geeglm(formula, data = d, id = id, waves = t, family = family, corstr = corstr, control = geepack::geese.control(epsilon = 1e-14, maxit = 500)))
m <- length(unique(d$id)); order3 <- c(2, 3, 1); nm <- c("x", "z", "_cons")
g <- gee(d ~ x + z, binomial, "exchangeable")$coefficients
case("xtlogit", "pa_robust", paste0(data, "\nxtlogit d x z, pa vce(robust) tolerance(1e-12)"), named("_b", g[order3, 1], nm), named("_se", g[order3, 2] * sqrt(m / (m - 1)), nm), rtol = 1e-6, with = "geepack; Stata's robust variance has m/(m-1)")
g <- gee(d ~ x + z, binomial("probit"), "exchangeable")$coefficients
case("xtprobit", "pa_robust", paste0(data, "\nxtprobit d x z, pa vce(robust) tolerance(1e-12)"), named("_b", g[order3, 1], nm), named("_se", g[order3, 2] * sqrt(m / (m - 1)), nm), rtol = 1e-6, with = "geepack")
g <- gee(c ~ x + z, poisson, "exchangeable")$coefficients
case("xtpoisson", "pa_robust", paste0(data, "\nxtpoisson c x z, pa vce(robust) tolerance(1e-12)"), named("_b", g[order3, 1], nm), named("_se", g[order3, 2] * sqrt(m / (m - 1)), nm), rtol = 1e-6, with = "geepack")
g <- gee(y ~ x + z, gaussian, "independence")$coefficients
case("xtgee", "independent", paste0(data, "\nxtgee y x z, corr(independent) vce(robust)"), named("_b", g[order3, 1], nm), named("_se", g[order3, 2] * sqrt(m / (m - 1)), nm), rtol = 1e-6, with = "geepack")
# Order one and unstructured: equations solved here; sums of products and of squares weighted by the inverse of the group's size, as
# [XT] xtgee has them (geepack pools the pairs).
Z <- cbind(1, d$x, d$z); groups <- split(seq_along(d$id), d$id); times <- max(d$t)
for (structure in c("unstructured", "ar1")) {
  beta <- coef(lm(y ~ x + z, d))
  for (it in 1:200) { r <- d$y - drop(Z %*% beta); phi <- mean(r^2); mean_square <- mean(sapply(groups, function(s) mean(r[s]^2)))
    if (structure == "ar1") { a <- mean(sapply(groups, function(s) sum(r[s][-1] * r[s][-length(s)]) / length(s))) / mean_square; R <- a^abs(outer(1:times, 1:times, "-")) } else {
      R <- count <- matrix(0, times, times); for (s in groups) { R[d$t[s], d$t[s]] <- R[d$t[s], d$t[s]] + outer(r[s], r[s]); count[d$t[s], d$t[s]] <- count[d$t[s], d$t[s]] + 1 }
      R <- R / count / mean_square; diag(R) <- 1 }
    A <- matrix(0, 3, 3); B <- numeric(3); U <- NULL
    for (s in groups) { V <- solve(R[d$t[s], d$t[s]]); A <- A + t(Z[s, ]) %*% V %*% Z[s, ]; B <- B + t(Z[s, ]) %*% V %*% d$y[s]; U <- cbind(U, t(Z[s, ]) %*% V %*% r[s]) }
    beta <- drop(solve(A, B)) }
  robust <- solve(A) %*% tcrossprod(U) %*% solve(A) * m / (m - 1)
  if (structure == "ar1") case("xtgee", "ar1", paste0(data, "\nxtgee y x z, corr(ar1) tolerance(1e-12)"), named("_b", beta[order3], nm), named("_se", sqrt(diag(solve(A)) * phi)[order3], nm), "el(e(R),1,2)" = a, "e(phi)" = phi, rtol = 1e-6, with = "estimating equations solved in the script")
  else case("xtgee", "unstructured", paste0(data, "\nxtgee y x z, corr(unstructured) vce(robust) tolerance(1e-12)"), named("_b", beta[order3], nm), named("_se", sqrt(diag(robust))[order3], nm), "el(e(R),1,2)" = R[1, 2], "el(e(R),2,6)" = R[2, 6], rtol = 1e-6, with = "estimating equations solved in the script")
}
