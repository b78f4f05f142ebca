# bacondecomp by base R: every two-by-two estimate by lm() with unit and period effects on its own subsample, the
# weights from the variance of the treatment residual in that subsample (Goodman-Bacon 2021, equation 10).
i <- 1:72
d <- data.frame(id = ceiling(i / 6), t = (i - 1) %% 6 + 1)
g <- c(0, 0, 0, 3, 3, 4, 4, 4, 6, 1, 1, 5)
d$g <- g[d$id]
d$D <- as.numeric(d$g > 0 & d$t >= d$g)
d$y <- d$id / 3 + d$t^2 / 7 + d$D * (1 + 0.4 * (d$t - d$g)) + ((i * i * 5 + i * 3) %% 29) / 10
f <- lm(y ~ D + factor(id) + factor(t), d)
cat(sprintf("D %.10g %.10g\n", coef(f)["D"], sqrt(vcov(f)["D", "D"])))
total <- mean(residuals(lm(D ~ factor(id) + factor(t), d))^2) * nrow(d)
twoway <- function(s) {
  r <- residuals(lm(D ~ factor(id) + factor(t), s))
  c(sum(r * s$y) / sum(r^2), sum(r^2) * length(unique(d$t)) / length(unique(s$t)))
}
# The weight of a comparison with n units observed in a share of the periods: (share of all)^2 times the variance.
weight <- function(s) {
  r <- residuals(lm(D ~ factor(id) + factor(t), s)); n <- length(unique(s$id)) / 12
  periods <- length(unique(s$t)) / 6
  (n * periods)^2 * mean(r^2) / mean(residuals(lm(D ~ factor(id) + factor(t), d))^2)
}
show <- function(kind, s) cat(sprintf("%s %.10g %.10g\n", kind, twoway(s)[1], weight(s)))
timing <- c(3, 4, 5, 6)
for (a in 1:3) for (b in (a + 1):4) {
  k <- timing[a]; l <- timing[b]
  show("Early_v_Late", d[d$g %in% c(k, l) & d$t < l, ])
  show("Late_v_Early", d[d$g %in% c(k, l) & d$t >= k, ])
}
average <- function(kind, group) {
  x <- t(sapply(timing, function(k) { s <- d[d$g %in% c(k, group), ]; c(twoway(s)[1], weight(s)) }))
  cat(sprintf("%s %.10g %.10g\n", kind, sum(x[, 1] * x[, 2]) / sum(x[, 2]), sum(x[, 2])))
}
average("Always_v_timing", 1)
average("Never_v_timing", 0)
