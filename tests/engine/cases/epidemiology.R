# Odds ratios of strata by R's own functions, and the exact limits of an odds ratio to full precision.
options(digits = 10)
tables <- array(c(19, 4, 33, 40, 6, 5, 4, 11, 5, 20, 7, 35), dim = c(2, 2, 3))
found <- mantelhaen.test(tables, correct = FALSE)
print(c(found$estimate, found$conf.int, found$statistic))
limits <- function(a, b, c, d) {
  m1 <- a + b; n1 <- a + c; n0 <- b + d
  support <- max(0, m1 - n0):min(m1, n1)
  weights <- dhyper(support, n1, n0, m1, log = TRUE)
  tail <- function(odds, above) {
    p <- weights + support * odds
    p <- exp(p - max(p)); p <- p / sum(p)
    sum(p[if (above) support >= a else support <= a]) - 0.025
  }
  exp(c(uniroot(tail, c(-5, 5), above = TRUE, tol = 1e-14)$root,
        uniroot(tail, c(-5, 5), above = FALSE, tol = 1e-14)$root))
}
print(limits(189, 104, 10845, 10933))
print(limits(30, 29, 44, 86))
# Scores of a trend and of equal odds: n - 1 over n of R's chi-squared statistics.
cases <- c(23, 11, 25); n <- c(96, 26, 67)
print(c(trend = prop.trend.test(cases, n, 1:3)$statistic * (sum(n) - 1) / sum(n),
        equal = prop.test(cases, n)$statistic * (sum(n) - 1) / sum(n)))
