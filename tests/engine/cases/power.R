# Power and sample sizes of the tests of `power`; R 4.2, Rscript power.R
options(digits = 12)
print(power.t.test(n = 50, delta = 2, sd = 5, type = "one.sample", strict = TRUE)$power)
print(power.t.test(n = 34, delta = 5, sd = 10, type = "paired", strict = TRUE)$power)
print(power.t.test(n = 33, delta = 5, sd = 10, type = "paired", strict = TRUE)$power)
print(power.t.test(n = 50, sd = 5, power = 0.8, type = "one.sample", strict = TRUE, tol = 1e-14)$delta)
print(power.t.test(n = 40, delta = 3, sd = 5, type = "two.sample", alternative = "one.sided")$power)
satterthwaite <- function(n1, n2, d, s1, s2, a = 0.05) {
  v1 <- s1^2 / n1; v2 <- s2^2 / n2; df <- (v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1))
  cr <- qt(1 - a / 2, df); nc <- d / sqrt(v1 + v2)
  pt(cr, df, ncp = nc, lower.tail = FALSE) + pt(-cr, df, ncp = nc)
}
print(c(satterthwaite(67, 134, 1, 2, 3), satterthwaite(68, 136, 1, 2, 3)))
print(power.anova.test(groups = 3, between.var = var(c(260, 289, 295)), within.var = 4900, n = 69)$power)
print(power.anova.test(groups = 3, between.var = var(c(260, 289, 295)), within.var = 4900, n = 68)$power)
print(power.anova.test(groups = 4, between.var = 10 * 4 / 3, within.var = 100, n = 20)$power)
fisher <- function(n, r0, ra, a = 0.05) { s <- (atanh(ra) - atanh(r0)) * sqrt(n - 3); z <- qnorm(1 - a / 2)
  pnorm(s - z) + pnorm(-s - z) }
print(c(fisher(84, 0, 0.3), fisher(85, 0, 0.3)))
fisher2 <- function(n1, n2, r1, r2, a = 0.05) { s <- (atanh(r2) - atanh(r1)) / sqrt(1 / (n1 - 3) + 1 / (n2 - 3))
  z <- qnorm(1 - a / 2); pnorm(s - z) + pnorm(-s - z) }
print(fisher2(60, 80, 0.2, 0.5))
variance <- function(n, v0, va, a = 0.05) { df <- n - 1
  pchisq(qchisq(1 - a / 2, df) * v0 / va, df, lower.tail = FALSE) + pchisq(qchisq(a / 2, df) * v0 / va, df) }
print(variance(30, 1, 2))
variances <- function(n1, n2, v1, v2, a = 0.05) {
  pf(qf(1 - a / 2, n2 - 1, n1 - 1) * v1 / v2, n2 - 1, n1 - 1, lower.tail = FALSE) +
    pf(qf(a / 2, n2 - 1, n1 - 1) * v1 / v2, n2 - 1, n1 - 1) }
print(c(variances(67, 67, 1, 2), variances(68, 68, 1, 2)))
chi2 <- function(n1, n2, p1, p2, a = 0.05) { p <- (n1 * p1 + n2 * p2) / (n1 + n2); z <- qnorm(1 - a / 2)
  d <- abs(p2 - p1); s0 <- sqrt(p * (1 - p) * (1 / n1 + 1 / n2)); s1 <- sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
  pnorm((d - z * s0) / s1) + pnorm((-d - z * s0) / s1) }
print(c(chi2(198, 198, 0.1, 0.2), chi2(199, 199, 0.1, 0.2)))
score <- function(n, p0, pa, a = 0.05) { z <- qnorm(1 - a / 2); d <- abs(pa - p0) * sqrt(n)
  s0 <- sqrt(p0 * (1 - p0)); s1 <- sqrt(pa * (1 - pa)); pnorm((d - z * s0) / s1) + pnorm((-d - z * s0) / s1) }
print(score(120, 0.3, 0.4))
z <- function(n, d, s, a = 0.05) pnorm(d / (s / sqrt(n)) - qnorm(1 - a / 2)) + pnorm(-d / (s / sqrt(n)) - qnorm(1 - a / 2))
print(z(40, 2, 5))
