# Panel unit-root tests on a made-up panel of 8 series of 32 periods. Rscript xtunitroot.R
# LLC and Hadri by plm::purtest, Harris-Tzavalis and the t-tilde of Im, Pesaran and Shin from their formulas.
suppressWarnings(suppressMessages(library(plm)))
N <- 8; T <- 32; k <- 1:(N * T)
id <- ceiling(k / T); t <- (k - 1) %% T + 1
e <- (0.5 + id / 10) * ((k * 71) %% 89 / 44 - 1) + 0.3 * ((k * 37) %% 101 / 50 - 1)
y <- numeric(N * T)
for (j in k) y[j] <- if (t[j] == 1) e[j] else 0.2 * id[j] / 8 + (0.55 + 0.05 * id[j]) * y[j - 1] + e[j]
p <- pdata.frame(data.frame(id, t, y), index = c("id", "t"))
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
tables <- getFromNamespace("adj.levinlin", "plm"); sizes <- as.numeric(dimnames(tables)[[1]])
stata <- c(none = "none", constant = "intercept", trend = "trend")
for (m in names(stata)) for (lags in 0:2) {
  # plm enters the table of adjustments at T; Levin, Lin and Chu (2002) at the effective T - p - 1
  x <- purtest(p$y, test = "levinlin", exo = stata[m], lags = lags, q = floor(3.21 * T^(1 / 3)))
  at <- function(s, T) approx(sizes, tables[, s, stata[m]], T)$y
  eff <- T - lags - 1
  e1 <- unlist(lapply(x$idres, function(r) r$resid$resid.diff)); v1 <- unlist(lapply(x$idres, function(r) r$resid$resid.level))
  d <- sum(e1 * v1) / sum(v1^2); s2 <- sum((e1 - d * v1)^2) / (N * eff); se <- sqrt(s2 / sum(v1^2))
  sn <- mean(sqrt(x$sigma2[, 2] / x$sigma2[, 1]))
  show(paste("llc", m, lags, "t"), d / se); show("  sbar", sn)
  show("  adjusted", (d / se - N * eff * sn / s2 * se * at("mu", eff)) / at("sigma", eff))
}
for (m in c("constant", "trend")) for (h in c(FALSE, TRUE)) {
  show(paste("hadri", m, h), purtest(p$y, test = "hadri", exo = stata[m], Hcons = h)$statistic$statistic)
}
Y <- matrix(y, T)
bart <- function(u, q) { n <- length(u); sum(u^2) / n + 2 * sum(sapply(1:q, function(j) (1 - j / (q + 1)) * sum(u[-(1:j)] * u[1:(n - j)]) / n)) }
u <- apply(Y, 2, function(s) resid(lm(s ~ 1)))
show("hadri bartlett 3", sqrt(N) * (mean(colSums(apply(u, 2, cumsum)^2) / T^2 / apply(u, 2, bart, 3)) - 1 / 6) / sqrt(1 / 45))
w <- as.numeric(y); lagged <- c(NA, w[-length(w)]); lagged[t == 1] <- NA
f <- factor(id)
for (m in c("none", "constant", "trend")) {
  fit <- switch(m, none = lm(w ~ 0 + lagged), constant = lm(w ~ lagged + f), trend = lm(w ~ lagged + f * t))
  show(paste("ht", m), coef(fit)["lagged"])
}
mz <- function(T) c((1 - 3 / (T + 1)), 3 * (17 * T^2 - 20 * T + 17) / (5 * (T - 1) * (T + 1)^3) / N)
r <- coef(lm(w ~ lagged + f))["lagged"]; show("ht z", (r - mz(T)[1]) / sqrt(mz(T)[2])); show("ht altt", (r - mz(T - 1)[1]) / sqrt(mz(T - 1)[2]))
r <- coef(lm(w ~ lagged + f * t))["lagged"]
show("ht trend z", (r - 1 + 15 / (2 * (T + 2))) / sqrt(15 * (193 * T^2 - 728 * T + 1147) / (112 * (T + 2)^3 * (T - 2)) / N))
r <- coef(lm(w ~ 0 + lagged)); show("ht none z", (r - 1) / sqrt(2 / (T * (T - 1)) / N))
tt <- sapply(1:N, function(i) { d <- diff(Y[, i]); l <- Y[-T, i] - mean(Y[-T, i]); d0 <- d - mean(d)
  sum(l * d0) / sqrt(sum(d0^2) / (T - 2) * sum(l^2)) })
tb <- sapply(1:N, function(i) { d <- diff(Y[, i]); summary(lm(d ~ Y[-T, i]))$coef[2, 3] })
show("tbar", mean(tb)); show("ttilde", mean(tt))
size <- getFromNamespace("adj.ips.zbar.time", "plm")
E <- approx(size, getFromNamespace("adj.ips.zbarL.means", "plm"), T)$y; V <- approx(size, getFromNamespace("adj.ips.zbarL.vars", "plm"), T)$y
show("zttilde", sqrt(N) * (mean(tt) - E) / sqrt(V))
a <- getFromNamespace("adj.ips.wtbar.value", "plm")
for (m in c("constant", "trend")) for (lags in 1:2) {
  s <- mean(sapply(purtest(p$y, test = "ips", exo = stata[m], lags = lags)$idres, function(r) {
    n <- T - 1 - lags; r$trho * sqrt((n - 1 - lags - (if (m == "trend") 2 else 1)) / n) }))
  q <- a(T, lags, exo = stata[m]); show(paste("tbar", m, lags), s); show("  w", sqrt(N) * (s - q[1]) / sqrt(q[2]))
}
