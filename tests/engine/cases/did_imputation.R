# did_imputation with base R: lm() with dummies on the untreated observations, predictions for the treated, weights of
# the linear estimator by solving the normal equations, conservative variance clustered by unit (Borusyak, Jaravel and
# Spiess 2024); leads by lm() on the untreated observations with the factor that the Stata command takes from reghdfe.
i <- 1:240
d <- data.frame(id = ceiling(i / 6), t = (i - 1) %% 6 + 1)
g <- c(rep(0, 12), rep(3, 10), rep(4, 11), rep(6, 7))
d$g <- g[d$id]
d$x <- ((i * 7) %% 11) / 4
d$y <- d$id / 9 + d$t^2 / 10 + 0.3 * d$x + (d$g > 0 & d$t >= d$g) * (1 + 0.3 * (d$t - d$g)) + ((i * i * 3 + i * 5) %% 37) / 12
d$D <- d$g > 0 & d$t >= d$g
d$K <- ifelse(d$g > 0, d$t - d$g, NA)
run <- function(title, controls, horizons, groups = interaction(d$g, d$t), pre = 0, w = rep(1, 240), cluster = d$id) {
  w <- w * 240 / sum(w)
  Z <- cbind(model.matrix(~ factor(id) + factor(t), d), controls)
  Z0 <- Z[!d$D, ]; A <- crossprod(Z0 * w[!d$D], Z0)
  beta <- solve(A, crossprod(Z0, w[!d$D] * d$y[!d$D]))
  e <- drop(d$y - Z %*% beta)
  cat("\n", title, "\n", sep = "")
  scores <- NULL; b <- NULL
  for (h in horizons) {
    v <- if (is.na(h)) d$D * 1 else as.numeric(d$D & !is.na(d$K) & d$K == h)
    v <- v / sum(w * v)
    full <- w * v
    full[!d$D] <- -drop(w[!d$D] * (Z0 %*% solve(A, crossprod(Z, w * v))))
    r <- e
    for (k in unique(groups[d$D])) {
      inside <- d$D & groups == k
      s <- w * v^2 * inside
      r[inside] <- if (sum(s) > 0) e[inside] - sum(s * e) / sum(s) else 0
    }
    b <- c(b, sum(w * v * e)); scores <- cbind(scores, rowsum(full * r, cluster))
  }
  names(b) <- if (is.na(horizons[1])) "tau" else paste0("tau", horizons)
  if (pre > 0) {
    P <- sapply(1:pre, function(h) as.numeric(!is.na(d$K) & d$K == -h))
    f <- lm.fit(cbind(P, Z)[!d$D, ], d$y[!d$D])
    B <- solve(crossprod(cbind(P, Z)[!d$D, ]))
    S <- rowsum(cbind(P, Z)[!d$D, ] * f$residuals, cluster[!d$D])
    n <- sum(!d$D); times <- length(unique(d$t[!d$D])) - 1; m <- ncol(cbind(controls)); m <- if (is.null(m)) 0 else m
    G <- nrow(S)
    factor <- (n - 1) / (n - m - pre - times) * G / (G - 1)
    V <- (B %*% crossprod(S) %*% B)[1:pre, 1:pre] * factor
    p <- f$coefficients[1:pre]
    cat(sprintf('"_b[pre%d]" = %.10g, "_se[pre%d]" = %.10g, ', 1:pre, p, 1:pre, sqrt(diag(V))), sep = "")
    cat(sprintf('"e(pre_F)" = %.10g, ', drop(p %*% solve(V, p)) / pre))
  }
  cat(sprintf('"_b[%s]" = %.10g, "_se[%s]" = %.10g', names(b), b, names(b), sqrt(colSums(scores^2))), sep = ", ")
  cat("\n")
}
run("average", NULL, NA)
run("horizons", NULL, 0:3)
run("controls pretrends", cbind(x = d$x), 0:2, pre = 3)
run("by cohort", NULL, 0:1, groups = factor(d$g))
run("weights", cbind(x = d$x), 0:2, w = 1 + d$id %% 4)
run("cluster", NULL, 0:2, cluster = d$id %% 9)
