# Two-stage least squares of Wooldridge, Introductory Econometrics, examples 15.5, 15.7 and 15.8.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
d <- d[complete.cases(d[c("lwage", "educ", "exper", "expersq", "motheduc", "fatheduc")]), ]
n <- nrow(d)
X <- cbind(educ = d$educ, exper = d$exper, expersq = d$expersq, "(Intercept)" = 1)
Z <- cbind(1, d$exper, d$expersq, d$motheduc, d$fatheduc)
P <- Z %*% solve(crossprod(Z), crossprod(Z, X))
b <- drop(solve(crossprod(P), crossprod(P, d$lwage))); names(b) <- colnames(X)
u <- d$lwage - drop(X %*% b); s2 <- sum(u^2) / (n - 4)
emit_tidy("main", b, sqrt(diag(solve(crossprod(P))) * s2), n - 4)
glance("main", "N", n); glance("main", "r2", 1 - sum(u^2) / sum((d$lwage - mean(d$lwage))^2)); glance("main", "rmse", sqrt(s2))
first <- lm(educ ~ motheduc + fatheduc + exper + expersq, d)
without <- lm(educ ~ exper + expersq, d)
emit_tidy("first_stage", coef(first), se_of(first), df.residual(first))
a <- anova(without, first)
glance("first_stage", "F", a$F[2]); glance("first_stage", "p_value", a[["Pr(>F)"]][2])
glance("first_stage", "partial_r2", 1 - deviance(first) / deviance(without))
ols <- lm(lwage ~ educ + exper + expersq, d)
emit_tidy("ols", coef(ols), se_of(ols), df.residual(ols))
control <- lm(lwage ~ educ + exper + expersq + residuals(first), d)
t5 <- summary(control)$coefficients[5, ]
glance("endogeneity", "residual_coefficient", t5[[1]]); glance("endogeneity", "F", t5[[3]]^2); glance("endogeneity", "p_value", t5[[4]])
sargan <- n * summary(lm(u ~ Z[, -1]))$r.squared
glance("overidentification", "sargan", sargan); glance("overidentification", "p_value", pchisq(sargan, 1, lower.tail = FALSE))
