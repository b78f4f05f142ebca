# Description of Wooldridge's WAGE1; skewness and kurtosis are moment ratios, percentiles average at ties.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
q <- function(x, p) quantile(x, p, type = 2, names = FALSE)
for (v in c("wage", "educ", "exper", "tenure")) {
  x <- d[[v]]; m <- x - mean(x); w <- list(variable = v)
  emit("variables.csv", w, "n", length(x)); emit("variables.csv", w, "unique", length(unique(x)))
  emit("variables.csv", w, "mean", mean(x)); emit("variables.csv", w, "sd", sd(x)); emit("variables.csv", w, "min", min(x))
  emit("variables.csv", w, "p25", q(x, 0.25)); emit("variables.csv", w, "p50", q(x, 0.5)); emit("variables.csv", w, "p75", q(x, 0.75)); emit("variables.csv", w, "max", max(x))
  emit("variables.csv", w, "skewness", mean(m^3) / mean(m^2)^1.5); emit("variables.csv", w, "kurtosis", mean(m^4) / mean(m^2)^2)
  emit("variables.csv", w, "missing", sum(is.na(x)))
}
glance("data", "rows_read", nrow(d)); glance("data", "complete_rows", sum(complete.cases(d))); glance("data", "repeated_rows", sum(duplicated(d)))
