# The same regression with heteroskedasticity-robust standard errors.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
fit <- lm(lwage ~ educ + exper + tenure, d)
V <- sandwich(fit)
emit_tidy("main", coef(fit), sqrt(diag(V)), df.residual(fit))
b <- coef(fit)[-1]
glance("main", "F", drop(t(b) %*% solve(V[-1, -1]) %*% b) / length(b))
glance("main", "N", nobs(fit))
