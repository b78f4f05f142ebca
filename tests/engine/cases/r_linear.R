# Least squares and what is computed from it.
source("cases.R")
d <- cars
ols <- function(f) lm(f, data = d)
robust <- function(m, kind) {
  X <- model.matrix(m); u <- resid(m); n <- nrow(X); k <- ncol(X); h <- hatvalues(m)
  w <- switch(kind, HC1 = u^2 * n / (n - k), HC2 = u^2 / (1 - h), HC3 = u^2 / (1 - h)^2)
  B <- solve(crossprod(X)); sqrt(diag(B %*% crossprod(X * w, X) %*% B))
}
clustered <- function(m, g, k = ncol(model.matrix(m))) {
  X <- model.matrix(m); u <- resid(m); n <- nrow(X); G <- length(unique(g))
  S <- rowsum(X * u, g); B <- solve(crossprod(X))
  sqrt(diag(B %*% crossprod(S) %*% B) * G / (G - 1) * (n - 1) / (n - k))
}
m <- ols(mpg ~ wt + hp); s <- summary(m)
names3 <- c("_cons", "wt", "hp")
case("regress", "ols", paste0(cars_input, "\nregress mpg wt hp"),
  named("_b", coef(m), names3), named("_se", s$coefficients[, 2], names3),
  "e(r2)" = s$r.squared, "e(r2_a)" = s$adj.r.squared, "e(rmse)" = s$sigma, "e(F)" = unname(s$fstatistic[1]),
  "e(rss)" = deviance(m), "e(ll)" = as.numeric(logLik(m)), "e(N)" = 32, "e(df_r)" = 29,
  "el(r(table),4,1)" = s$coefficients[2, 4], "el(r(table),5,1)" = confint(m)[2, 1], "el(r(table),6,2)" = confint(m)[3, 2])
for (kind in c("HC1", "HC2", "HC3"))
  case("regress", paste0("robust_", tolower(kind)), paste0(cars_input, "\nregress mpg wt hp, vce(", c(HC1 = "robust", HC2 = "hc2", HC3 = "hc3")[kind], ")"),
    named("_se", robust(m, kind), names3))
case("regress", "cluster", paste0(cars_input, "\nregress mpg wt hp, vce(cluster carb)"), named("_se", clustered(m, d$carb), names3), "e(N_clust)" = 6, "e(df_r)" = 5)
m <- ols(mpg ~ wt + factor(cyl)); s <- summary(m)
case("regress", "factor", paste0(cars_input, "\nregress mpg wt i.cyl"), named("_b", coef(m), c("_cons", "wt", "6.cyl", "8.cyl")), named("_se", s$coefficients[, 2], c("_cons", "wt", "6.cyl", "8.cyl")))
m <- ols(mpg ~ wt * factor(am)); s <- summary(m)
case("regress", "interaction", paste0(cars_input, "\nregress mpg c.wt##i.am"), named("_b", coef(m), c("_cons", "wt", "1.am", "1.am#c.wt")), "e(r2)" = s$r.squared)
m <- ols(mpg ~ wt + I(wt^2)); case("regress", "square", paste0(cars_input, "\nregress mpg c.wt##c.wt"), named("_b", coef(m), c("_cons", "wt", "c.wt#c.wt")))
m <- ols(mpg ~ 0 + wt + hp); s <- summary(m)
case("regress", "noconstant", paste0(cars_input, "\nregress mpg wt hp, noconstant"), named("_b", coef(m), c("wt", "hp")), named("_se", s$coefficients[, 2], c("wt", "hp")), "e(r2)" = s$r.squared, "e(F)" = unname(s$fstatistic[1]))
m <- lm(mpg ~ wt, data = d, weights = carb); s <- summary(m)
case("regress", "aweight", paste0(cars_input, "\nregress mpg wt [aweight=carb]"), named("_b", coef(m), c("_cons", "wt")), named("_se", s$coefficients[, 2], c("_cons", "wt")), "e(r2)" = s$r.squared, "e(rmse)" = s$sigma * sqrt(32 / sum(d$carb)))
big <- d[rep(1:32, d$carb), ]; mb <- lm(mpg ~ wt, data = big); sb <- summary(mb)
case("regress", "fweight", paste0(cars_input, "\nregress mpg wt [fweight=carb]"), named("_b", coef(mb), c("_cons", "wt")), named("_se", sb$coefficients[, 2], c("_cons", "wt")), "e(N)" = nrow(big))

m <- ols(mpg ~ wt + hp)
post <- paste0(cars_input, "\nregress mpg wt hp\n")
p <- predict(m, se.fit = TRUE)
case("predict", "after_regress", paste0(post, "predict double xb\npredict double r, residuals\npredict double rs, rstandard\npredict double rt, rstudent\npredict double h, leverage\npredict double d, cooksd\npredict double sp, stdp\npredict double sf, stdf\npredict double f, dfits"),
  "xb[1]" = unname(fitted(m)[1]), "r[5]" = unname(resid(m)[5]), "rs[3]" = unname(rstandard(m)[3]), "rt[3]" = unname(rstudent(m)[3]),
  "h[7]" = unname(hatvalues(m)[7]), "d[17]" = unname(cooks.distance(m)[17]), "sp[2]" = unname(p$se.fit[2]), "sf[2]" = unname(sqrt(p$se.fit[2]^2 + p$residual.scale^2)), "f[9]" = unname(dffits(m)[9]))
V <- vcov(m); b <- coef(m)
case("test", "joint", paste0(post, "test wt hp"), "r(F)" = unname(summary(m)$fstatistic[1]), "r(df)" = 2, "r(df_r)" = 29)
case("test", "equality", paste0(post, "test wt = hp"), "r(F)" = unname((b[2] - b[3])^2 / (V[2, 2] + V[3, 3] - 2 * V[2, 3])), "r(df)" = 1)
case("test", "value", paste0(post, "test wt = -3"), "r(F)" = unname((b[2] + 3)^2 / V[2, 2]), "r(p)" = unname(2 * pt(-abs(b[2] + 3) / sqrt(V[2, 2]), 29)))
L <- rbind(c(0, 1, -100), c(1, 0, 0)); q <- c(0, 37); e <- L %*% b - q
case("test", "two_equations", paste0(post, "test (wt = 100*hp) (_cons = 37)"), "r(F)" = as.numeric(t(e) %*% solve(L %*% V %*% t(L), e)) / 2)
est <- unname(b[2] + 2 * b[3]); se <- unname(sqrt(V[2, 2] + 4 * V[3, 3] + 4 * V[2, 3]))
case("lincom", "sum", paste0(post, "lincom wt + 2*hp"), "r(estimate)" = est, "r(se)" = se, "r(t)" = est / se, "r(p)" = 2 * pt(-abs(est / se), 29), "r(lb)" = est - qt(.975, 29) * se)
case("lincom", "constant_and_level", paste0(post, "lincom _cons - 30, level(90)"), "r(estimate)" = unname(b[1] - 30), "r(se)" = unname(sqrt(V[1, 1])), "r(ub)" = unname(b[1] - 30 + qt(.95, 29) * sqrt(V[1, 1])))
case("lincom", "difference", paste0(post, "lincom wt - hp"), "r(estimate)" = unname(b[2] - b[3]), "r(se)" = unname(sqrt(V[2, 2] + V[3, 3] - 2 * V[2, 3])), "r(df)" = 29)
g <- c(0, 1 / b[3], -b[2] / b[3]^2)
case("nlcom", "ratio", paste0(post, "nlcom _b[wt] / _b[hp]"), "el(r(b),1,1)" = unname(b[2] / b[3]), "sqrt(el(r(V),1,1))" = as.numeric(sqrt(t(g) %*% V %*% g)), rtol = 1e-5)
g <- c(0, 2 * b[2], 0)
case("nlcom", "square", paste0(post, "nlcom (sq: _b[wt]^2)"), "el(r(b),1,1)" = unname(b[2]^2), "sqrt(el(r(V),1,1))" = as.numeric(sqrt(t(g) %*% V %*% g)), rtol = 1e-5)
g <- c(0, exp(b[2]), 0)
case("nlcom", "exponential", paste0(post, "nlcom exp(_b[wt])"), "el(r(b),1,1)" = unname(exp(b[2])), "sqrt(el(r(V),1,1))" = as.numeric(sqrt(t(g) %*% V %*% g)), rtol = 1e-5)
mf <- ols(mpg ~ wt + factor(cyl)); m0 <- ols(mpg ~ wt)
case("testparm", "factor", paste0(cars_input, "\nregress mpg wt i.cyl\ntestparm i.cyl"), "r(F)" = anova(m0, mf)$F[2], "r(p)" = anova(m0, mf)$`Pr(>F)`[2], "r(df)" = 2)
m2 <- ols(mpg ~ wt + hp + qsec); m1 <- ols(mpg ~ qsec)
case("testparm", "range", paste0(cars_input, "\nregress mpg wt hp qsec\ntestparm wt hp"), "r(F)" = anova(m1, m2)$F[2])
b2 <- coef(m2); V2 <- vcov(m2)
case("testparm", "equal", paste0(cars_input, "\nregress mpg wt hp qsec\ntestparm wt hp, equal"), "r(F)" = unname((b2[2] - b2[3])^2 / (V2[2, 2] + V2[3, 3] - 2 * V2[2, 3])))
u <- resid(m)
bp <- summary(lm(u^2 ~ fitted(m)))
ssr <- sum((fitted(lm(u^2 ~ fitted(m))) - mean(u^2))^2); s2 <- mean(u^2)
case("estat", "hettest", paste0(post, "estat hettest"), "r(chi2)" = ssr / s2^2 / 2, "r(df)" = 1)
case("estat", "hettest_iid", paste0(post, "estat hettest, iid"), "r(chi2)" = 32 * bp$r.squared)
w <- lm(u^2 ~ wt + hp + I(wt^2) + I(hp^2) + I(wt * hp), data = d)
case("estat", "imtest_white", paste0(post, "estat imtest, white"), "r(chi2_h)" = 32 * summary(w)$r.squared, "r(df_h)" = 5)
f <- fitted(m); f <- (f - mean(f)) / sd(f); rs <- lm(mpg ~ wt + hp + I(f^2) + I(f^3) + I(f^4), data = d)
case("estat", "ovtest", paste0(post, "estat ovtest"), "r(F)" = anova(m, rs)$F[2], "r(p)" = anova(m, rs)$`Pr(>F)`[2])
v <- 1 / (1 - summary(ols(wt ~ hp))$r.squared)
case("estat", "vif", paste0(post, "estat vif"), "r(vif_1)" = v)
case("estat", "ic", paste0(post, "estat ic\nmatrix S = r(S)"), "S[1,5]" = AIC(m) - 2, "S[1,6]" = BIC(m) - log(32))
la <- summary(lm(mpg ~ wt + hp + factor(carb), data = d))
case("areg", "ols", paste0(cars_input, "\nareg mpg wt hp, absorb(carb)"), named("_b", la$coefficients[2:3, 1], c("wt", "hp")), named("_se", la$coefficients[2:3, 2], c("wt", "hp")), "e(r2)" = la$r.squared, "e(rmse)" = la$sigma)
ma <- lm(mpg ~ wt + hp + factor(carb), data = d)
case("areg", "robust", paste0(cars_input, "\nareg mpg wt hp, absorb(carb) vce(robust)"), named("_se", robust(ma, "HC1")[2:3], c("wt", "hp")))
case("areg", "cluster", paste0(cars_input, "\nareg mpg wt hp, absorb(carb) vce(cluster carb)"), named("_se", clustered(ma, d$carb)[2:3], c("wt", "hp")))
nw <- function(m, lag) { X <- model.matrix(m); u <- resid(m); n <- nrow(X); k <- ncol(X); S <- crossprod(X * u)
  for (l in seq_len(lag)) { G <- crossprod((X * u)[(l + 1):n, ], (X * u)[1:(n - l), ]); S <- S + (1 - l / (lag + 1)) * (G + t(G)) }
  B <- solve(crossprod(X)); sqrt(diag(B %*% S %*% B) * n / (n - k)) }
m <- ols(mpg ~ wt + hp)
for (lag in c(0, 2, 4))
  case("newey", paste0("lag", lag), paste0(cars_input, "\ngenerate t = _n\ntsset t\nnewey mpg wt hp, lag(", lag, ")"), named("_se", nw(m, lag), names3), "_b[wt]" = unname(coef(m)[2]))
iv <- function(y, X, Z) { P <- Z %*% solve(crossprod(Z), t(Z)); B <- solve(t(X) %*% P %*% X); list(b = drop(B %*% t(X) %*% P %*% y), B = B) }
X <- cbind(wt = d$wt, hp = d$hp, 1); Z <- cbind(d$hp, 1, d$disp, d$qsec); r <- iv(d$mpg, X, Z); u <- d$mpg - X %*% r$b; n <- 32
case("ivregress", "2sls", paste0(cars_input, "\nivregress 2sls mpg hp (wt = disp qsec)"), named("_b", r$b, c("wt", "hp", "_cons")), named("_se", sqrt(diag(r$B) * sum(u^2) / n), c("wt", "hp", "_cons")), "e(rmse)" = sqrt(sum(u^2) / n))
case("ivregress", "2sls_small", paste0(cars_input, "\nivregress 2sls mpg hp (wt = disp qsec), small"), named("_se", sqrt(diag(r$B) * sum(u^2) / (n - 3)), c("wt", "hp", "_cons")))
Xh <- Z %*% solve(crossprod(Z), t(Z) %*% X); M <- r$B %*% crossprod(Xh * drop(u)) %*% r$B
case("ivregress", "2sls_robust", paste0(cars_input, "\nivregress 2sls mpg hp (wt = disp qsec), vce(robust)"), named("_se", sqrt(diag(M)), c("wt", "hp", "_cons")))
sarg <- 32 * summary(lm(u ~ Z - 1))$r.squared
case("estat", "overid", paste0(cars_input, "\nivregress 2sls mpg hp (wt = disp qsec)\nestat overid"), "r(sargan)" = sarg)
