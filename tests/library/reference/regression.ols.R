# Least squares of Wooldridge, Introductory Econometrics, equation (3.19).
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
fit <- lm(lwage ~ educ + exper + tenure, d)
s <- summary(fit)
emit_tidy("main", coef(fit), se_of(fit), df.residual(fit))
glance("main", "N", nobs(fit)); glance("main", "r2", s$r.squared); glance("main", "r2_a", s$adj.r.squared)
glance("main", "F", s$fstatistic[[1]]); glance("main", "rmse", s$sigma); glance("main", "ll", as.numeric(logLik(fit)))
glance("main", "rss", deviance(fit)); glance("main", "df_r", df.residual(fit))
# Breusch and Pagan (1979): half the explained sum of squares of scaled squared residuals on the fitted values.
n <- nobs(fit); g <- residuals(fit)^2 / mean(residuals(fit)^2)
aux <- lm(g ~ fitted(fit)); bp <- sum((fitted(aux) - mean(g))^2) / 2
glance("heteroskedasticity", "chi2", bp); glance("heteroskedasticity", "p_value", pchisq(bp, 1, lower.tail = FALSE))
for (v in c("educ", "exper", "tenure")) {
  others <- setdiff(c("educ", "exper", "tenure"), v)
  emit("vif.csv", list(term = v), "vif", 1 / (1 - summary(lm(reformulate(others, v), d))$r.squared))
}
