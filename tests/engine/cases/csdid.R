# Group-time effects with base R, written from the definitions: without covariates differences of means; with
# covariates least squares and a logit by glm(). Standard errors come from leaving nothing to a formula: the
# influence of a unit is the numerical derivative of the estimate by the unit's weight.
i <- 1:240
d <- data.frame(id = ceiling(i / 6), t = (i - 1) %% 6 + 2001)
d$g <- ifelse(d$id <= 12, 0, ifelse(d$id <= 22, 2003, ifelse(d$id <= 33, 2004, 2006)))
d$x <- ((d$id * 7) %% 13) / 5
d$z <- ((d$id * 11) %% 17) / 7
d$y <- d$id / 9 + (d$t - 2001)^2 / 10 + 0.2 * d$x * (d$t - 2001) +
  (d$g > 0 & d$t >= d$g) * (1 + 0.3 * (d$t - d$g)) + ((i * i * 3 + i * 5) %% 37) / 12
Y <- matrix(d$y, ncol = 6, byrow = TRUE)
g <- d$g[d$t == 2001]; x <- d$x[d$t == 2001]; z <- d$z[d$t == 2001]
n <- length(g)
att <- function(w, group, base, t, notyet, method) {
  control <- g == 0 | (notyet & g > group & g > t)
  use <- g == group | control
  D <- as.numeric(g == group)[use]; v <- w[use]
  dy <- (Y[, t - 2000] - Y[, base - 2000])[use]
  if (method == "means") return(weighted.mean(dy[D == 1], v[D == 1]) - weighted.mean(dy[D == 0], v[D == 0]))
  X <- cbind(1, x, z)[use, ]
  left <- dy - X %*% lm.wfit(X[D == 0, ], dy[D == 0], v[D == 0])$coefficients
  if (method == "reg") return(weighted.mean(left[D == 1], v[D == 1]))
  fit <- suppressWarnings(glm.fit(X, D, weights = v, family = binomial(), control = list(epsilon = 1e-15, maxit = 100)))
  odds <- fit$fitted.values / (1 - fit$fitted.values)
  weighted.mean(left[D == 1], v[D == 1]) - weighted.mean(left[D == 0], (v * odds)[D == 0])
}
grid <- NULL
for (group in c(2003, 2004, 2006)) for (t in 2002:2006) grid <- rbind(grid, c(group, min(t, group) - 1, t))
everything <- function(w, notyet, method) {
  a <- apply(grid, 1, function(r) att(w, r[1], r[2], r[3], notyet, method))
  p <- sapply(grid[, 1], function(group) sum(w[g == group]))
  post <- grid[, 3] >= grid[, 1]
  mean_of <- function(which) sum(a[which] * p[which]) / sum(p[which])
  e <- grid[, 3] - grid[, 1]
  events <- sapply(-4:3, function(k) mean_of(e == k))
  c(setNames(a, paste0("g", grid[, 1], ":t_", grid[, 2], "_", grid[, 3])), ATT = mean_of(post),
    setNames(sapply(c(2003, 2004, 2006), function(k) mean_of(post & grid[, 1] == k)), c("G2003", "G2004", "G2006")),
    setNames(sapply(2003:2006, function(k) mean_of(post & grid[, 3] == k)), paste0("T", 2003:2006)),
    setNames(events, c("Tm4", "Tm3", "Tm2", "Tm1", "Tp0", "Tp1", "Tp2", "Tp3")),
    Pre_avg = mean(events[1:4]), Post_avg = mean(events[5:8]),
    CAverage = mean(sapply(2003:2006, function(k) mean_of(post & grid[, 3] == k))))
}
run <- function(title, notyet, method) {
  one <- rep(1, n); h <- 1e-4
  value <- everything(one, notyet, method)
  psi <- sapply(1:n, function(k) {
    up <- one; up[k] <- 1 + h; down <- one; down[k] <- 1 - h
    (everything(up, notyet, method) - everything(down, notyet, method)) / (2 * h)
  })
  cat("\n", title, "\n", sep = "")
  cat(sprintf("%-18s %.10g %.10g\n", names(value), value, sqrt(rowSums(psi^2))), sep = "")
  before <- which(grid[, 3] < grid[, 1])
  V <- psi[before, ] %*% t(psi[before, ])
  cat(sprintf("pretrend chi2 %.10g df %d\n", drop(value[before] %*% solve(V, value[before])), length(before)))
  share <- c(10, 11, 7) / 28
  G <- c("G2003", "G2004", "G2006")
  cat(sprintf("GAverage %.10g %.10g\n", sum(share * value[G]), sqrt(sum((share %*% psi[G, ])^2))))
}
run("means, never treated", FALSE, "means")
run("reg, never treated", FALSE, "reg")
run("dripw, not yet treated", TRUE, "dripw")
