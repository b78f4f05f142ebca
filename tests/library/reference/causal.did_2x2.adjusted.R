# The effect with the house's age and its square, robust standard errors (coefficients: table 13.2, column 2).
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
d$ssd_did <- d$nearinc * d$y81
fit <- lm(rprice ~ ssd_did + nearinc + y81 + age + agesq, d)
emit_tidy("main", coef(fit), sqrt(diag(sandwich(fit))), df.residual(fit))
glance("main", "r2", summary(fit)$r.squared)
short <- lm(rprice ~ ssd_did + nearinc + y81, d)
emit_tidy("unadjusted", coef(short), sqrt(diag(sandwich(short))), df.residual(short))
