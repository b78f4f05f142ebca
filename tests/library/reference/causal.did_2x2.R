# Difference in differences of Wooldridge, Introductory Econometrics, example 13.3.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
d$ssd_did <- d$nearinc * d$y81
fit <- lm(rprice ~ ssd_did + nearinc + y81, d)
emit_tidy("main", coef(fit), se_of(fit), df.residual(fit))
glance("main", "N", nobs(fit)); glance("main", "r2", summary(fit)$r.squared)
glance("cells", "raw_difference", coef(fit)[["ssd_did"]])
for (treated in 0:1) for (post in 0:1) {
  x <- d$rprice[d$nearinc == treated & d$y81 == post]; where <- list(treated = treated, post = post)
  emit("cell_means.csv", where, "n", length(x)); emit("cell_means.csv", where, "mean", mean(x)); emit("cell_means.csv", where, "sd", sd(x))
}
