# Rscript r_timeseries.R > r_timeseries.toml
source("cases.R")

series <- function(x, name) {
  data <- data.frame(t = seq_along(x), x = as.numeric(x))
  names(data)[2] <- name
  paste(input(data), "tsset t", sep = "\n")
}
lagged <- function(x, k) c(rep(NA, k), x)[seq_along(x)]
lh_input <- series(lh, "lh"); nile_input <- series(Nile, "nile"); www_input <- series(WWWusage, "www")
pairs <- data.frame(t = 1:80, sales = as.numeric(BJsales)[1:80], lead = as.numeric(BJsales.lead)[1:80])
pairs_input <- paste(input(pairs), "tsset t", sep = "\n")
lines <- function(...) paste(..., sep = "\n")

# --- unit roots: the regressions by lm() ---
adf <- function(x, lags, trend, constant = TRUE) {
  d <- c(NA, diff(x)); data <- data.frame(d = d, level = lagged(x, 1))
  for (j in seq_len(lags)) data[[paste0("d", j)]] <- lagged(d, j)
  if (trend) data$trend <- seq_along(x)
  formula <- if (constant) d ~ . else d ~ . - 1
  summary(lm(formula, data))$coefficients["level", 3]
}
nile <- as.numeric(Nile); www <- as.numeric(WWWusage); lhx <- as.numeric(lh)
case("dfuller", "nile_constant", lines(nile_input, "dfuller nile, lags(2)"), "r(Zt)" = adf(nile, 2, FALSE), "r(N)" = 97)
case("dfuller", "www_trend", lines(www_input, "dfuller www, lags(4) trend"), "r(Zt)" = adf(www, 4, TRUE), "r(lags)" = 4)
case("dfuller", "nile_noconstant", lines(nile_input, "dfuller nile, noconstant lags(1)"), "r(Zt)" = adf(nile, 1, FALSE, FALSE))
df <- 98 - 3; t1 <- adf(nile, 1, FALSE)
case("dfuller", "nile_drift", lines(nile_input, "dfuller nile, drift lags(1)"), "r(p)" = pt(t1, df), "r(cv_5)" = qt(0.05, df))
for (name in c("nile", "www", "lh")) {
  x <- list(nile = nile, www = www, lh = lhx)[[name]]
  test <- PP.test(x); l <- unname(test$parameter)
  case("pperron", paste0(name, "_trend"), lines(list(nile = nile_input, www = www_input, lh = lh_input)[[name]],
       sprintf("pperron %s, trend lags(%d)", name, l)), "r(Zt)" = unname(test$statistic), with = "PP.test(), whose correction for the trend is asymptotic", rtol = 1e-4)
}
kpss <- function(x, lag, trend) {
  n <- length(x); e <- if (trend) resid(lm(x ~ seq_along(x))) else x - mean(x)
  g <- sapply(0:lag, function(j) sum(e[(1 + j):n] * e[1:(n - j)]) / n)
  s2 <- g[1] + 2 * sum((1 - seq_len(lag) / (lag + 1)) * g[-1])
  sum(cumsum(e)^2) / n^2 / s2
}
case("kpss", "nile_level", lines(nile_input, "kpss nile, maxlag(4) notrend"), "r(kpss4)" = kpss(nile, 4, FALSE), "r(kpss1)" = kpss(nile, 1, FALSE))
case("kpss", "www_trend", lines(www_input, "kpss www, maxlag(3)"), "r(kpss3)" = kpss(www, 3, TRUE), "r(N)" = 100)
case("kpss", "lh_level", lines(lh_input, "kpss lh, notrend maxlag(2)"), "r(kpss2)" = kpss(lhx, 2, FALSE), "r(kpss0)" = { e <- lhx - mean(lhx); sum(cumsum(e)^2) / 48 / sum(e^2) })
gls <- function(x, trend) {
  n <- length(x); a <- 1 - ifelse(trend, 13.5, 7) / n
  D <- if (trend) cbind(1, 1:n) else cbind(rep(1, n))
  q <- function(z) rbind(z[1, , drop = FALSE], z[-1, , drop = FALSE] - a * z[-n, , drop = FALSE])
  drop(x - D %*% coef(lm.fit(q(D), q(cbind(x)))))
}
dfgls_t <- function(x, k, most, trend) {
  y <- gls(x, trend); d <- c(NA, diff(y)); data <- data.frame(d = d, level = lagged(y, 1))
  for (j in seq_len(k)) data[[paste0("d", j)]] <- lagged(d, j)
  summary(lm(d ~ . - 1, data[(most + 2):length(x), ]))$coefficients["level", 3]
}
case("dfgls", "nile", lines(nile_input, "dfgls nile, maxlag(4) notrend"), "r(dft4)" = dfgls_t(nile, 4, 4, FALSE), "r(dft1)" = dfgls_t(nile, 1, 4, FALSE), "r(N)" = 95)
case("dfgls", "www", lines(www_input, "dfgls www, maxlag(6)"), "r(dft6)" = dfgls_t(www, 6, 6, TRUE), "r(dft3)" = dfgls_t(www, 3, 6, TRUE))

# --- correlograms ---
r <- acf(lh, 15, plot = FALSE)$acf[-1]; p <- pacf(lh, 15, plot = FALSE)$acf[, 1, 1]
case("corrgram", "lh_yule_walker", lines(lh_input, "corrgram lh, lags(15) yw"), "r(ac1)" = r[1], "r(ac7)" = r[7], "r(ac15)" = r[15], "r(pac1)" = p[1], "r(pac3)" = p[3], "r(pac15)" = p[15], with = "acf(), pacf()")
reg_pac <- function(x, k) unname(coef(lm(x ~ ., data.frame(x = x, sapply(1:k, function(j) lagged(x, j)))))[k + 1])
case("corrgram", "lh_regression", lines(lh_input, "corrgram lh, lags(6)"), "r(pac1)" = reg_pac(lhx, 1), "r(pac2)" = reg_pac(lhx, 2), "r(pac6)" = reg_pac(lhx, 6))
case("corrgram", "nile_q", lines(nile_input, "corrgram nile, lags(8)"), "r(q8)" = unname(Box.test(Nile, 8, "Ljung")$statistic), "r(q1)" = unname(Box.test(Nile, 1, "Ljung")$statistic), with = "Box.test()")
for (spec in list(list("lh", lh, 5, lh_input), list("nile", Nile, 12, nile_input), list("www", WWWusage, 20, www_input))) {
  b <- Box.test(spec[[2]], spec[[3]], "Ljung")
  case("wntestq", sprintf("%s_%d", spec[[1]], spec[[3]]), lines(spec[[4]], sprintf("wntestq %s, lags(%d)", spec[[1]], spec[[3]])), "r(stat)" = unname(b$statistic), if (b$p.value > 1e-12) c("r(p)" = b$p.value), "r(df)" = spec[[3]], with = "Box.test()")
}
for (spec in list(list("lh", lh, lh_input), list("nile", Nile, nile_input), list("www", WWWusage, www_input))) {
  r <- acf(spec[[2]], 10, plot = FALSE)$acf[-1]; p <- pacf(spec[[2]], 10, plot = FALSE)$acf[, 1, 1]
  case("ac", spec[[1]], lines(spec[[3]], sprintf("ac %s, lags(10) generate(r)", spec[[1]]), "generate double d = float(r)"), "r[1]" = r[1], "r[4]" = r[4], "r[10]" = r[10], rtol = 2e-6, with = "acf(); stored as float")
  case("pac", spec[[1]], lines(spec[[3]], sprintf("pac %s, lags(10) yw generate(r)", spec[[1]])), "r[1]" = p[1], "r[4]" = p[4], "r[10]" = p[10], rtol = 2e-6, with = "pacf(); stored as float")
}

# --- arima: exact maximum likelihood, standard errors from the observed information ---
best <- list(reltol = 1e-15, maxit = 2000)
report <- function(id, do, fit, names, extra = NULL, ...) {
  se <- sqrt(diag(fit$var.coef))
  case("arima", id, do, "e(ll)" = fit$loglik, rtol = 1e-5, with = "arima(), with a diffuse start of differenced models")
  # R's Hessian is a difference with steps of 1e-3, so its standard errors hold to three digits.
  case("arima", paste0(id, "_estimates"), do, setNames(fit$coef, sprintf("_b[%s]", names)), setNames(se, sprintf("_se[%s]", names)), "e(sigma)" = sqrt(fit$sigma2), extra, rtol = 2e-3, with = "arima()")
}
fit <- arima(lh, order = c(3, 0, 0), optim.control = best)
report("lh_ar3", lines(lh_input, "arima lh, arima(3,0,0) vce(oim) nolog"), fit, c("ARMA:L.ar", "ARMA:L2.ar", "ARMA:L3.ar", "lh:_cons"), rtol = 1e-4)
fit <- arima(Nile, order = c(0, 1, 1), optim.control = best)
ahead <- predict(fit, n.ahead = 3)
report("nile_ima", lines(nile_input, "arima nile, arima(0,1,1) noconstant vce(oim) nolog", "tsappend, add(3)", "predict double y, y dynamic(101)", "predict double v, mse dynamic(101)"), fit, "ARMA:L.ma", c("y[101]" = as.numeric(ahead$pred)[1], "y[103]" = as.numeric(ahead$pred)[3], "sqrt(v[101])" = as.numeric(ahead$se)[1]), rtol = 1e-4)
time <- as.numeric(time(LakeHuron)) - 1920
fit <- arima(LakeHuron, order = c(2, 0, 0), xreg = time, optim.control = best)
huron <- paste(input(data.frame(t = seq_along(time), level = as.numeric(LakeHuron), time = time)), "tsset t", sep = "\n")
report("lake_huron_armax", lines(huron, "arima level time, ar(1/2) vce(oim) nolog"), fit, c("ARMA:L.ar", "ARMA:L2.ar", "level:_cons", "level:time"), rtol = 1e-4)
fit <- arima(USAccDeaths, order = c(0, 1, 1), seasonal = list(order = c(0, 1, 1)), optim.control = best)
report("deaths_seasonal", lines(series(USAccDeaths, "deaths"), "arima deaths, arima(0,1,1) sarima(0,1,1,12) noconstant vce(oim) nolog"), fit, c("ARMA:L.ma", "ARMA12:L.ma"), rtol = 1e-4)
gap <- as.numeric(lh); gap[c(10, 11, 30)] <- NA
fit <- arima(gap, order = c(1, 0, 1), optim.control = best)
report("lh_missing", lines(series(gap, "x"), "arima x, ar(1) ma(1) vce(oim) nolog"), fit, c("ARMA:L.ar", "ARMA:L.ma", "x:_cons"), rtol = 1e-4)

# --- arch: the likelihood written out, squares and variances before the sample at their mean ---
r_eu <- 100 * diff(log(as.numeric(EuStockMarkets[1:301, "DAX"])))
garch_ll <- function(p, x, q) {
  e <- x - p[1]; n <- length(x); s <- mean(e^2); h <- numeric(n)
  for (i in 1:n) {
    h[i] <- p[2] + p[3] * (if (i > 1) e[i - 1]^2 else s) + (if (q) p[4] * (if (i > 1) h[i - 1] else s) else 0)
    if (h[i] <= 0) return(-1e10)
  }
  sum(-0.5 * (log(2 * pi) + log(h) + e^2 / h))
}
garch <- function(x, start, q) {
  f <- function(p) -garch_ll(p, x, q)
  o <- optim(start, f, control = list(reltol = 1e-14, maxit = 20000, parscale = abs(start)))
  for (i in 1:5) o <- optim(o$par, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000, parscale = abs(start)))
  H <- optimHess(o$par, f, control = list(parscale = abs(start), ndeps = rep(1e-4, length(start))))
  list(b = o$par, se = sqrt(diag(solve(H))), ll = -o$value)
}
dax_input <- series(r_eu, "r")
g <- garch(r_eu, c(0.05, 0.1, 0.1, 0.7), TRUE)
nm <- c("r:_cons", "ARCH:_cons", "ARCH:L.arch", "ARCH:L.garch")
case("arch", "dax_garch", lines(dax_input, "arch r, arch(1) garch(1) vce(oim) nolog"), "e(ll)" = g$ll, setNames(g$b, sprintf("_b[%s]", nm)), setNames(g$se, sprintf("_se[%s]", nm)), rtol = 5e-3, with = "optim()")
case("arch", "dax_garch_ll", lines(dax_input, "arch r, arch(1) garch(1) nolog"), "e(ll)" = g$ll, rtol = 1e-6, with = "optim()")
g <- garch(r_eu, c(0.05, 0.5, 0.2), FALSE)
case("arch", "dax_arch", lines(dax_input, "arch r, arch(1) vce(oim) nolog"), "e(ll)" = g$ll, setNames(g$b, sprintf("_b[%s]", nm[1:3])), setNames(g$se, sprintf("_se[%s]", nm[1:3])), rtol = 5e-3, with = "optim()")

# --- vector autoregressions by lm() ---
s <- pairs$sales; l <- pairs$lead
data <- data.frame(s = s, l = l, s1 = lagged(s, 1), s2 = lagged(s, 2), l1 = lagged(l, 1), l2 = lagged(l, 2))[-(1:2), ]
m1 <- lm(s ~ s1 + s2 + l1 + l2, data); m2 <- lm(l ~ s1 + s2 + l1 + l2, data)
E <- cbind(resid(m1), resid(m2)); T <- nrow(E); S <- crossprod(E) / T
XtX <- solve(crossprod(model.matrix(m1))); V <- S[1, 1] * XtX
ll <- -T / 2 * (log(det(S)) + 2 * log(2 * pi) + 2)
case("var", "bjsales", lines(pairs_input, "var sales lead, lags(1/2)"), "_b[sales:L.sales]" = unname(coef(m1)[2]), "_b[sales:L2.lead]" = unname(coef(m1)[5]), "_b[lead:_cons]" = unname(coef(m2)[1]), "_se[sales:L2.lead]" = sqrt(V[5, 5]), "e(ll)" = ll, "e(aic)" = -2 * ll / T + 20 / T, "e(sbic)" = -2 * ll / T + log(T) * 10 / T, "e(hqic)" = -2 * ll / T + 2 * log(log(T)) * 10 / T, "e(rmse_1)" = summary(m1)$sigma, "e(r2_2)" = summary(m2)$r.squared, "e(detsig_ml)" = det(S), "e(fpe)" = ((T + 5) / (T - 5))^2 * det(S))
case("var", "bjsales_small", lines(pairs_input, "var sales lead, lags(1/2) dfk small"), "_se[sales:L.sales]" = unname(summary(m1)$coefficients[2, 2]), "e(F_1)" = unname(summary(m1)$fstatistic[1]), "e(df_r)" = T - 5)
w <- function(b, V) drop(t(b) %*% solve(V) %*% b)
case("vargranger", "bjsales", lines(pairs_input, "quietly var sales lead, lags(1/2)", "vargranger", "matrix g = r(gstats)"), "g[1,1]" = w(coef(m1)[4:5], V[4:5, 4:5]), "g[3,1]" = w(coef(m2)[2:3], S[2, 2] * XtX[2:3, 2:3]), "g[1,2]" = 2)
case("vargranger", "bjsales_small", lines(pairs_input, "quietly var sales lead, lags(1/2) dfk small", "vargranger", "matrix g = r(gstats)"), "g[1,1]" = anova(lm(s ~ s1 + s2, data), m1)$F[2], "g[1,4]" = anova(lm(s ~ s1 + s2, data), m1)[2, 6])
aux <- function(lag) { L <- rbind(matrix(0, lag, 2), E[seq_len(T - lag), ]); X <- cbind(model.matrix(m1), L); R <- lm.fit(X, E)$residuals; (T - 7 - 0.5) * log(det(S) / det(crossprod(R) / T)) }
case("varlmar", "bjsales", lines(pairs_input, "quietly var sales lead, lags(1/2)", "varlmar, mlag(3)", "matrix g = r(lm)"), "g[1,2]" = aux(1), "g[3,2]" = aux(3), "g[3,4]" = pchisq(aux(3), 4, lower.tail = FALSE))
case("varlmar", "bjsales_two", lines(pairs_input, "quietly var sales lead, lags(1/2)", "varlmar", "matrix g = r(lm)"), "g[2,2]" = aux(2), "g[2,3]" = 4)
W <- E %*% solve(chol(S)); b1 <- colMeans(W^3); b2 <- colMeans(W^4)
case("varnorm", "bjsales", lines(pairs_input, "quietly var sales lead, lags(1/2)", "varnorm", "matrix g = r(jb)", "matrix k = r(kurtosis)"), "g[1,1]" = T * b1[1]^2 / 6 + T * (b2[1] - 3)^2 / 24, "g[3,1]" = sum(T * b1^2 / 6 + T * (b2 - 3)^2 / 24), "k[2,1]" = b2[2])
case("varnorm", "bjsales_skewness", lines(pairs_input, "quietly var sales lead, lags(1/2)", "varnorm, skewness", "matrix g = r(skewness)"), "g[1,1]" = b1[1], "g[2,2]" = T * b1[2]^2 / 6)
A1 <- unname(rbind(coef(m1)[c(2, 4)], coef(m2)[c(2, 4)])); A2 <- unname(rbind(coef(m1)[c(3, 5)], coef(m2)[c(3, 5)]))
ev <- eigen(rbind(cbind(A1, A2), cbind(diag(2), matrix(0, 2, 2))))$values
case("varstable", "bjsales", lines(pairs_input, "quietly var sales lead, lags(1/2)", "varstable", "matrix g = r(Modulus)"), "g[1,1]" = Mod(ev[1]), "g[1,4]" = Mod(ev[4]))
case("varstable", "bjsales_one", lines(pairs_input, "quietly var sales lead, lags(1)", "varstable", "matrix g = r(Modulus)"), "g[1,2]" = { d1 <- data.frame(s = s, l = l, s1 = lagged(s, 1), l1 = lagged(l, 1)); B <- rbind(coef(lm(s ~ s1 + l1, d1))[2:3], coef(lm(l ~ s1 + l1, d1))[2:3]); min(Mod(eigen(B)$values)) })
full <- data.frame(s = s, l = l, sapply(1:4, function(j) lagged(s, j)), sapply(1:4, function(j) lagged(l, j)))[-(1:4), ]
soc <- sapply(0:4, function(p) { X <- cbind(rep(1, nrow(full)), if (p) as.matrix(full[, 2 + seq_len(p)]), if (p) as.matrix(full[, 6 + seq_len(p)])); R <- lm.fit(X, as.matrix(full[, 1:2]))$residuals; Tn <- nrow(R); -Tn / 2 * (log(det(crossprod(R) / Tn)) + 2 * log(2 * pi) + 2) })
case("varsoc", "bjsales", lines(pairs_input, "varsoc sales lead", "matrix g = r(stats)"), "g[1,2]" = soc[1], "g[5,2]" = soc[5], "g[3,3]" = 2 * (soc[3] - soc[2]), "g[4,7]" = -2 * soc[4] / 76 + 2 * 14 / 76, "r(N)" = 76)
case("varsoc", "bjsales_max2", lines(pairs_input, "varsoc sales lead, maxlag(2)", "matrix g = r(stats)"), "g[3,2]" = ll, "g[3,9]" = -2 * ll / T + log(T) * 10 / T)
P <- t(chol(S)); phi2 <- A1 %*% A1 + A2
case("irf", "bjsales", lines(pairs_input, "quietly var sales lead, lags(1/2)", "irf set bj, replace", "irf create one, step(4)", "use bj.irf, clear", "keep if impulse == \"lead\" & response == \"sales\""), "irf[2]" = A1[1, 2], "irf[3]" = phi2[1, 2], "oirf[2]" = (A1 %*% P)[1, 2], "oirf[3]" = (phi2 %*% P)[1, 2], "stdirf[2]" = sqrt(V[4, 4]), "cirf[3]" = (diag(2) + A1 + phi2)[1, 2], "fevd[3]" = (A1 %*% P)[1, 2]^2 / (sum(P[1, ]^2) + sum((A1 %*% P)[1, ]^2)))
stdp <- function(i) sqrt(S[i, i] / 2 / T)
case("irf", "bjsales_own_shock", lines(pairs_input, "quietly var sales lead, lags(1/2)", "irf set bj, replace", "irf create one, step(2)", "use bj.irf, clear", "keep if impulse == \"sales\" & response == \"sales\""), "oirf[1]" = P[1, 1], "stdoirf[1]" = stdp(1), "fevd[2]" = 1, "irf[1]" = 1, rtol = 2e-6)
Q <- t(chol(S[2:1, 2:1]))
case("irf", "bjsales_order", lines(pairs_input, "quietly var sales lead, lags(1/2)", "irf set bj, replace", "irf create two, step(2) order(lead sales)", "use bj.irf, clear", "keep if impulse == \"lead\" & response == \"sales\""), "oirf[1]" = Q[2, 1], "oirf[2]" = (A1 %*% rbind(Q[2, ], Q[1, ]))[1, 1])
case("varbasic", "bjsales", lines(pairs_input, "varbasic sales lead, nograph"), "_b[sales:L.sales]" = unname(coef(m1)[2]), "e(ll)" = ll)
case("varbasic", "bjsales_lags", lines(pairs_input, "varbasic sales lead, lags(1/4) nograph"), "e(ll)" = soc[5], "e(N)" = 76)

# --- smoothing and filters: dense matrices and plain loops ---
ma <- function(x, b, f) sapply(seq_along(x), function(i) mean(x[max(1, i - b):min(length(x), i + f)]))
case("tssmooth", "ma", lines(nile_input, "tssmooth ma double m = nile, window(2 1 1)"), "m[1]" = ma(nile, 2, 1)[1], "m[50]" = ma(nile, 2, 1)[50], "m[100]" = ma(nile, 2, 1)[100])
ses <- function(x, a) { S <- mean(x[1:50]); out <- numeric(length(x)); for (i in seq_along(x)) { out[i] <- S; S <- a * x[i] + (1 - a) * S }; out }
o <- optimize(function(a) sum((nile - ses(nile, a))^2), c(0, 1), tol = 1e-12)
case("tssmooth", "exponential", lines(nile_input, "tssmooth exponential double e = nile"), "r(alpha)" = o$minimum, "r(rss)" = o$objective, rtol = 2e-6)
case("tssmooth", "exponential_parms", lines(nile_input, "tssmooth exponential double e = nile, parms(.3)"), "e[2]" = ses(nile, 0.3)[2], "e[100]" = ses(nile, 0.3)[100], "r(rss)" = sum((nile - ses(nile, 0.3))^2))
hw <- function(x, a, b) { n <- length(x); k <- coef(lm(x[1:50] ~ seq_len(50))); L <- k[1]; B <- k[2]; out <- numeric(n); for (i in 1:n) { out[i] <- L + B; L1 <- a * x[i] + (1 - a) * (L + B); B <- b * (L1 - L) + (1 - b) * B; L <- L1 }; list(out = out, ahead = unname(L + 2 * B)) }
case("tssmooth", "hwinters", lines(www_input, "tssmooth hwinters double h = www, parms(.7 .4) forecast(2)"), "h[1]" = unname(hw(www, 0.7, 0.4)$out[1]), "h[60]" = unname(hw(www, 0.7, 0.4)$out[60]), "h[102]" = hw(www, 0.7, 0.4)$ahead, "r(rss)" = sum((www - hw(www, 0.7, 0.4)$out)^2))
des <- function(x, a) { k <- coef(lm(x[1:50] ~ seq_len(50))); S1 <- k[1] - (1 - a) / a * k[2]; S2 <- k[1] - 2 * (1 - a) / a * k[2]; out <- numeric(length(x)); for (i in seq_along(x)) { out[i] <- 2 * S1 - S2 + a / (1 - a) * (S1 - S2); S1 <- a * x[i] + (1 - a) * S1; S2 <- a * S1 + (1 - a) * S2 }; out }
case("tssmooth", "dexponential", lines(www_input, "tssmooth dexponential double d = www, parms(.6)"), "d[1]" = des(www, 0.6)[1], "d[100]" = des(www, 0.6)[100])
hp <- function(y, s) { n <- length(y); D <- diff(diag(n), differences = 2); y - solve(diag(n) + s * crossprod(D), y) }
case("tsfilter", "hp", lines(nile_input, "tsfilter hp double c = nile, smooth(100) trend(g)"), "c[1]" = hp(nile, 100)[1], "c[50]" = hp(nile, 100)[50], "c[100]" = hp(nile, 100)[100], "r(smooth)" = 100)
ideal <- function(j, lo, hi) ifelse(j == 0, 2 / lo - 2 / hi, (sin(2 * pi * j / lo) - sin(2 * pi * j / hi)) / (pi * j))
cf <- function(y, lo, hi) { n <- length(y); B <- ideal(0:n, lo, hi); sapply(1:n, function(t) { w <- numeric(n); for (s in 1:n) w[s] <- B[abs(s - t) + 1]; tail_ <- function(k) B[1] / 2 + sum(B[-1][seq_len(k)]); if (t == 1) w[1] <- B[1] / 2 else w[1] <- -tail_(t - 2); if (t == n) w[n] <- B[1] / 2 else w[n] <- -tail_(n - t - 1); sum(w * y) }) }
case("tsfilter", "cf", lines(nile_input, "tsfilter cf double c = nile, minperiod(4) maxperiod(20)"), "c[1]" = cf(nile, 4, 20)[1], "c[2]" = cf(nile, 4, 20)[2], "c[50]" = cf(nile, 4, 20)[50], "c[100]" = cf(nile, 4, 20)[100])
bw <- function(y, p, m) { n <- length(y); Q <- diff(diag(n), differences = m); pl <- 1; for (i in 1:m) pl <- c(pl, 0) + c(0, pl); G <- toeplitz(c(sapply(0:m, function(d) sum(pl[(1 + d):(m + 1)] * pl[1:(m + 1 - d)])), rep(0, n - 2 * m - 1))); lam <- tan(pi / p)^(-2 * m); drop(lam * t(Q) %*% solve(G + lam * Q %*% t(Q), Q %*% y)) }
case("tsfilter", "bw", lines(nile_input, "tsfilter bw double c = nile, maxperiod(16) order(3)"), "c[1]" = bw(nile, 16, 3)[1], "c[50]" = bw(nile, 16, 3)[50], "c[100]" = bw(nile, 16, 3)[100], rtol = 1e-5)

# --- cointegration rank: the generalised eigenvalue problem; panel tests by the t distribution ---
vecm <- function(p, restricted = FALSE) {
  Y <- cbind(s, l); n <- nrow(Y); D <- diff(Y)
  i <- (p + 1):n; dY <- D[i - 1, ]; L1 <- Y[i - 1, ]; Z <- if (p > 1) do.call(cbind, lapply(1:(p - 1), function(j) D[i - 1 - j, ])) else NULL
  if (restricted) L1 <- cbind(L1, 1) else Z <- cbind(Z, 1)
  res <- function(M) if (is.null(Z)) M else lm.fit(as.matrix(Z), M)$residuals
  R0 <- res(dY); R1 <- res(L1); Tn <- length(i)
  S <- list(crossprod(R0) / Tn, crossprod(R0, R1) / Tn, crossprod(R1) / Tn)
  ev <- Re(eigen(solve(S[[3]]) %*% t(S[[2]]) %*% solve(S[[1]]) %*% S[[2]])$values)[1:2]
  list(trace = rev(cumsum(rev(-Tn * log(1 - ev)))), max = -Tn * log(1 - ev), ll0 = -Tn / 2 * (2 * (log(2 * pi) + 1) + log(det(S[[1]]))))
}
for (p in 2:3) { v <- vecm(p); case("vecrank", sprintf("bjsales_%d", p), lines(pairs_input, sprintf("vecrank sales lead, lags(%d)", p), "matrix t = e(trace)", "matrix m = e(max)", "matrix l = e(ll)"), "t[1,1]" = v$trace[1], "t[1,2]" = v$trace[2], "m[1,1]" = v$max[1], "l[1,1]" = v$ll0) }
v <- vecm(2, TRUE)
case("vecrank", "bjsales_restricted", lines(pairs_input, "vecrank sales lead, lags(2) trend(rconstant)", "matrix t = e(trace)"), "t[1,1]" = v$trace[1], "t[1,2]" = v$trace[2])
panels <- data.frame(id = rep(1:4, each = 40), t = rep(1:40, 4), y = c(nile[1:40], nile[41:80], www[1:40], www[61:100]))
drift_p <- function(x, lags) { n <- length(x); pt(adf(x, lags, FALSE), n - 1 - lags - (2 + lags)) }
for (lags in 0:2) {
  p <- tapply(panels$y, panels$id, drift_p, lags = lags)
  case("xtunitroot", sprintf("fisher_%d", lags), lines(input(panels), "xtset id t", sprintf("xtunitroot fisher y, dfuller drift lags(%d)", lags)), "r(P)" = -2 * sum(log(p)), "r(p_P)" = pchisq(-2 * sum(log(p)), 8, lower.tail = FALSE), "r(Z)" = sum(qnorm(p)) / 2, "r(L)" = sqrt(3 * 24 / (pi^2 * 4 * 22)) * sum(log(p / (1 - p))), "r(Pm)" = -sum(log(p) + 1) / 2, "r(N_g)" = 4)
}
