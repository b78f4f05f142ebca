# One-way and two-way multivariate analysis of variance of R's npk-like balanced data built below.
options(digits = 10)
n <- 24
a <- factor(rep(1:3, each = 8)); b <- factor(rep(1:2, 12))
i <- seq_len(n)
y1 <- (i * 7) %% 11 + as.numeric(a); y2 <- (i * 5) %% 13 + 2 * as.numeric(b); y3 <- (i * 3) %% 7 + as.numeric(a) * as.numeric(b)
Y <- cbind(y1, y2, y3)
for (t in c("Wilks", "Pillai", "Hotelling-Lawley", "Roy")) {
  print(summary(manova(Y ~ a), test = t)$stats)
  print(summary(manova(Y ~ a * b), test = t)$stats)
}
