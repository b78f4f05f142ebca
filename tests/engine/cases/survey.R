# Survey estimates of a small stratified cluster sample; R 4.2 with survey 4.1. Rscript survey.R
suppressMessages(library(survey))
i <- 1:120
h <- ceiling(i / 30); u <- ceiling(i / 10); w <- 1 + (i * 7) %% 5
x <- ((i * 37) %% 101) / 50 - 1
y <- 1 + 0.5 * x + ((i * 53) %% 97) / 48 - 1 + 0.1 * u
d <- as.numeric(x + ((i * 71) %% 89) / 44 - 1 + 0.05 * u > 0.3)
g <- 1 + (i * 11) %% 3
count <- floor(exp(0.4 + 0.4 * x + ((i * 29) %% 83) / 82 - 0.5))
g2 <- 1 + (i * 13 + u) %% 4 %/% 2
data <- data.frame(h, u, w, x, y, d, g, g2, count, fpc = 12)
plain <- svydesign(~u, strata = ~h, weights = ~w, data = data)
finite <- svydesign(~u, strata = ~h, weights = ~w, fpc = ~fpc, data = data)
observations <- svydesign(~1, weights = ~w, data = data)
options(digits = 12, width = 200)
show <- function(name, b, se) { cat(name, "\n"); print(rbind(b = b, se = se)) }
m <- svymean(~y + x, plain); show("mean", coef(m), SE(m))
m <- svymean(~y, finite); show("mean fpc", coef(m), SE(m))
m <- svymean(~y, observations); show("mean observations", coef(m), SE(m))
m <- svytotal(~y, plain); show("total", coef(m), SE(m))
m <- svyratio(~y, ~w, plain); show("ratio", coef(m), SE(m))
m <- svymean(~factor(g), plain); show("proportion", coef(m), SE(m))
m <- svyby(~y, ~g, plain, svymean); show("over", coef(m), SE(m))
m <- svymean(~y, subset(plain, d == 1)); show("subpop", coef(m), SE(m))
fit <- svyglm(y ~ x + factor(g), plain); show("regress", coef(fit), SE(fit))
V <- vcov(fit)[2:4, 2:4]; b <- coef(fit)[2:4]; W <- drop(b %*% solve(V, b)); df <- degf(plain); cat("F", (df - 2) / (3 * df) * W, "df", df, "\n")
fit <- svyglm(y ~ x, subset(plain, d == 1)); show("regress subpop", coef(fit), SE(fit))
fit <- svyglm(d ~ x, plain, family = quasibinomial, control = list(epsilon = 1e-14)); show("logit", coef(fit), SE(fit))
# svyglm takes the expected information of a probit, Stata the observed one: the influence of each observation by hand.
fit <- svyglm(d ~ x, plain, family = quasibinomial("probit"), control = list(epsilon = 1e-14))
X <- cbind(1, x); q <- 2 * d - 1; eta <- q * drop(X %*% coef(fit)); lambda <- dnorm(eta) / pnorm(eta)
influence <- (X * (q * lambda)) %*% solve(crossprod(X, X * (w * lambda * (lambda + eta))))
m <- svytotal(~a + b, update(plain, a = influence[, 1], b = influence[, 2])); show("probit", coef(fit), SE(m))
fit <- svyglm(count ~ x, plain, family = quasipoisson, control = list(epsilon = 1e-14)); show("poisson", coef(fit), SE(fit))
fit <- svyolr(factor(g) ~ x, plain); show("ologit", coef(fit), SE(fit))
print(svychisq(~ d + g, plain, statistic = "F"))
print(unclass(svychisq(~ d + g, plain, statistic = "F"))[c("statistic", "parameter", "p.value")])
single <- subset(data, !(h == 4 & u > 10))
for (lonely in c("certainty", "adjust", "average")) {
  options(survey.lonely.psu = lonely)
  m <- svymean(~y, svydesign(~u, strata = ~h, weights = ~w, data = single)); show(lonely, coef(m), SE(m))
}
