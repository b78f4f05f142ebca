# Logit of Wooldridge, Introductory Econometrics, table 17.1.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
fit <- glm(inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6, binomial, d,
           control = list(epsilon = 1e-14, maxit = 100))
b <- coef(fit); se <- se_of(fit)
emit_tidy("main", b, se, Inf)
for (v in names(b)[-1]) {
  where <- list(model = "odds_ratio", term = v)
  emit("tidy.csv", where, "estimate", exp(b[[v]])); emit("tidy.csv", where, "std_error", exp(b[[v]]) * se[[v]])
  emit("tidy.csv", where, "conf_low", exp(b[[v]] - qnorm(0.975) * se[[v]]))
}
# Average marginal effects and their delta-method errors.
X <- model.matrix(fit); p <- fitted(fit); f <- p * (1 - p); V <- vcov(fit)
for (v in names(b)[-1]) {
  J <- colMeans(f * (1 - 2 * p) * X) * b[[v]]
  J[v] <- J[v] + mean(f)
  where <- list(model = "margins", term = v)
  emit("tidy.csv", where, "estimate", mean(f) * b[[v]])
  emit("tidy.csv", where, "std_error", sqrt(drop(t(J) %*% V %*% J)))
}
null <- glm(inlf ~ 1, binomial, d)
ll <- as.numeric(logLik(fit)); ll0 <- as.numeric(logLik(null))
glance("main", "N", nobs(fit)); glance("main", "ll", ll); glance("main", "ll_0", ll0)
glance("main", "r2_p", 1 - ll / ll0); glance("main", "chi2", 2 * (ll - ll0))
glance("classification", "correct_percent", 100 * mean((p >= 0.5) == d$inlf))
r <- rank(p); n1 <- sum(d$inlf); n0 <- sum(1 - d$inlf)
glance("classification", "roc_area", (sum(r[d$inlf == 1]) - n1 * (n1 + 1) / 2) / (n1 * n0))
for (predicted in 0:1) for (actual in 0:1)
  emit("classification.csv", list(predicted = predicted, actual = actual), "count", sum((p >= 0.5) == predicted & d$inlf == actual))
