# eventstudyinteract with base R: the interacted regression by lm() with dummies for units and periods, its
# cluster-robust covariance as reghdfe has it (units nested in the clusters do not count), the cohort shares by lm()
# without constant and their heteroskedasticity-robust covariance, combined as in Sun and Abraham (2021).
i <- 1:120
d <- data.frame(id = ceiling(i / 6), t = (i - 1) %% 6 + 1)
g <- c(rep(0, 6), rep(3, 5), rep(4, 5), rep(6, 4))
d$g <- g[d$id]
d$x <- ((i * 7) %% 11) / 4
d$y <- d$id / 4 + d$t^2 / 9 + 0.3 * d$x + (d$g > 0 & d$t >= d$g) * (1 + 0.4 * (d$t - d$g)) + ((i * i * 5 + i * 3) %% 31) / 10
rel <- ifelse(d$g == 0, NA, d$t - d$g)
times <- c(-5, -4, -3, -2, 0, 1, 2, 3)
X <- sapply(times, function(k) as.numeric(!is.na(rel) & rel == k))
run <- function(title, covariates, control) {
  X[control, ] <- 0
  keepT <- colSums(X) > 0; X <- X[, keepT]; tt <- times[keepT]
  cohorts <- sort(unique(d$g[!control]))
  use <- !control
  W <- sapply(cohorts, function(k) coef(lm.fit(X[use, ], as.numeric(d$g[use] == k))))
  E <- sapply(cohorts, function(k) lm.fit(X[use, ], as.numeric(d$g[use] == k))$residuals)
  Z <- do.call(cbind, lapply(seq_along(tt), function(j) sapply(cohorts, function(k) X[, j] * (d$g == k))))
  full <- cbind(Z, covariates, model.matrix(~ factor(id) + factor(t), d))
  q <- qr(full, tol = 1e-9); keep <- sort(q$pivot[1:q$rank])
  f <- lm.fit(full[, keep], d$y)
  bread <- solve(crossprod(full[, keep]))
  S <- rowsum(full[, keep] * f$residuals, d$id)
  G <- 20; n <- 120; k <- q$rank - G # parameters beside the absorbed units, which are nested in the clusters
  V0 <- bread %*% crossprod(S) %*% bread * (G / (G - 1)) * ((n - 1) / (n - k - 1))
  size <- ncol(Z); b <- numeric(size); V <- matrix(0, size, size)
  inside <- keep[keep <= size]
  b[inside] <- f$coefficients[seq_along(inside)]
  V[inside, inside] <- V0[seq_along(inside), seq_along(inside)]
  A <- solve(crossprod(X[use, ]))
  cat("\n", title, "\n", sep = "")
  for (j in seq_along(tt)) {
    part <- (j - 1) * length(cohorts) + seq_along(cohorts)
    a <- A[j, ]
    P <- (X[use, ] %*% a)[, 1] * E
    share <- crossprod(P)
    est <- sum(W[j, ] * b[part])
    v <- drop(t(W[j, ]) %*% V[part, part] %*% W[j, ] + t(b[part]) %*% share %*% b[part])
    cat(sprintf('"_b[%s]" = %.10g, "_se[%s]" = %.10g, ', nm <- paste0(ifelse(tt[j] < 0, "F", "L"), abs(tt[j])), est, nm, sqrt(v)))
  }
}
run("never", NULL, d$g == 0)
run("covariate", d$x, d$g == 0)
