# Ship damage (McCullagh and Nelder 1989, section 6.3.2): Poisson and negative binomial with exposure.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
suppressMessages(library(MASS))
d <- d[complete.cases(d[c("accident", "yr_con", "op_75_79", "service")]), ]
fit <- glm(accident ~ yr_con + op_75_79 + offset(log(service)), poisson, d, control = list(epsilon = 1e-14, maxit = 100))
b <- coef(fit); se <- se_of(fit)
emit_tidy("poisson", b, se, Inf)
for (v in names(b)[-1]) {
  emit("tidy.csv", list(model = "poisson_irr", term = v), "estimate", exp(b[[v]]))
  emit("tidy.csv", list(model = "poisson_irr", term = v), "std_error", exp(b[[v]]) * se[[v]])
}
mu <- fitted(fit); X <- model.matrix(fit); V <- vcov(fit)
for (v in names(b)[-1]) {
  J <- colMeans(mu * X) * b[[v]]; J[v] <- J[v] + mean(mu)
  where <- list(model = "poisson_margins", term = v)
  emit("tidy.csv", where, "estimate", mean(mu) * b[[v]]); emit("tidy.csv", where, "std_error", sqrt(drop(t(J) %*% V %*% J)))
}
glance("poisson", "N", nobs(fit)); glance("poisson", "ll", as.numeric(logLik(fit)))
pearson <- sum((d$accident - mu)^2 / mu)
glance("dispersion", "pearson_chi2", pearson); glance("dispersion", "pearson_ratio", pearson / df.residual(fit))
z <- ((d$accident - mu)^2 - d$accident) / mu
glance("dispersion", "cameron_trivedi_t", summary(lm(z ~ mu - 1))$coefficients[1, 3])
nb <- glm.nb(accident ~ yr_con + op_75_79 + offset(log(service)), d, control = glm.control(epsilon = 1e-13, maxit = 200))
glance("dispersion", "lr_alpha_chi2", 2 * (as.numeric(logLik(nb)) - as.numeric(logLik(fit))))
