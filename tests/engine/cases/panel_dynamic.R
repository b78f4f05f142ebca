# Difference and system GMM by plm::pgmm on a made-up panel. Rscript panel_dynamic.R
suppressMessages(library(plm))
N <- 40; T <- 8; n <- N * T
i <- seq_len(n)
id <- ceiling(i / T); t <- (i - 1) %% T + 1
u <- ((i - 1) * 71) %% 89 / 44 - 1
x <- ((i - 1) * 37) %% 101 / 50 - 1 + 0.3 * ((id * 29) %% 31 / 15 - 1)
a <- (id * 29) %% 31 / 15 - 1
y <- numeric(n)
for (j in i) y[j] <- if (t[j] == 1) a[j] + u[j] else 0.4 * y[j - 1] + 0.5 * x[j] + a[j] + 0.6 * u[j]
d <- pdata.frame(data.frame(id, t, y, x), index = c("id", "t"))
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
report <- function(m, robust) {
  s <- summary(m, robust = robust)
  show("  b", s$coefficients[, 1]); show("  se", s$coefficients[, 2])
  show("  sargan", s$sargan$statistic); show("  df", s$sargan$parameter)
  show("  m1", s$m1$statistic); show("  m2", s$m2$statistic)
}
f <- y ~ lag(y, 1) + x | lag(y, 2:99) | x
cat("--- one-step\n"); one <- pgmm(f, data = d, effect = "individual", model = "onestep"); report(one, FALSE); report(one, TRUE)
cat("--- two-step\n"); two <- pgmm(f, data = d, effect = "individual", model = "twosteps"); report(two, FALSE); report(two, TRUE)
g <- y ~ lag(y, 1) + x | lag(y, 2:3) | x
cat("--- collapse\n"); m <- pgmm(g, data = d, effect = "individual", model = "twosteps", collapse = TRUE); report(m, TRUE)
h <- y ~ lag(y, 1) + x | lag(y, 2:99) + lag(x, 1:99)
cat("--- predetermined\n"); m <- pgmm(h, data = d, effect = "individual", model = "twosteps"); report(m, TRUE)

# System GMM from the matrices themselves: rows of the differenced equation, then of the level equation.
system_gmm <- function(h, constant, collapse = FALSE) {
  Zl <- Xl <- Yl <- Hl <- list()
  D <- diff(diag(T))[2:(T - 1), ]
  for (p in 1:N) {
    k <- which(id == p); yy <- y[k]; xx <- x[k]
    rd <- 3:T; rl <- 2:T
    X <- rbind(cbind(yy[rd - 1] - yy[rd - 2], xx[rd] - xx[rd - 1]), cbind(yy[rl - 1], xx[rl]))
    Y <- c(yy[rd] - yy[rd - 1], yy[rl])
    if (constant) X <- cbind(X, rep(0:1, c(length(rd), length(rl))))
    zd <- c(); zl <- c()
    lagof <- function(v, s, l) if (s - l >= 1) v[s - l] else 0
    if (collapse) {
      for (l in 2:3) zd <- cbind(zd, sapply(rd, function(s) lagof(yy, s, l)))
      zl <- cbind(sapply(rl, function(s) if (s - 2 >= 1) yy[s - 1] - yy[s - 2] else 0))
    } else {
      for (s in rd) for (l in 2:(T - 1)) if (s - l >= 1) zd <- cbind(zd, (rd == s) * yy[s - l])
      for (s in rl) if (s - 2 >= 1) zl <- cbind(zl, (rl == s) * (yy[s - 1] - yy[s - 2]))
    }
    zd <- cbind(zd, xx[rd] - xx[rd - 1])
    Z <- rbind(cbind(zd, matrix(0, length(rd), ncol(zl))), cbind(matrix(0, length(rl), ncol(zd)), zl))
    Z[length(rd) + seq_along(rl), ncol(zd)] <- if (h == 2) 0 else xx[rl]
    if (constant) Z <- cbind(Z, rep(0:1, c(length(rd), length(rl))))
    M <- rbind(D, diag(T)[rl, ]); H <- M %*% t(M)
    if (h == 2) H[seq_along(rd), length(rd) + seq_along(rl)] <- H[length(rd) + seq_along(rl), seq_along(rd)] <- 0
    Zl[[p]] <- Z; Xl[[p]] <- X; Yl[[p]] <- Y; Hl[[p]] <- H
  }
  Z <- do.call(rbind, Zl); X <- do.call(rbind, Xl); Y <- unlist(Yl)
  A <- solve(Reduce(`+`, Map(function(Z, H) t(Z) %*% H %*% Z, Zl, Hl)))
  fit <- function(A) { XZ <- t(X) %*% Z; Q <- solve(XZ %*% A %*% t(XZ)); list(Q = Q, b = Q %*% XZ %*% A %*% t(Z) %*% Y, L = Q %*% XZ %*% A) }
  one <- fit(A)
  m <- function(b) sapply(1:N, function(p) t(Zl[[p]]) %*% (Yl[[p]] - Xl[[p]] %*% b))
  m1 <- m(one$b); S <- m1 %*% t(m1); V1 <- one$L %*% S %*% t(one$L)
  show("  b1", one$b); show("  se1robust", sqrt(diag(V1)))
  A2 <- solve(S); two <- fit(A2); g2 <- rowSums(m(two$b))
  K <- ncol(X); W <- matrix(0, K, K)
  for (j in 1:K) {
    c <- sapply(1:N, function(p) t(Zl[[p]]) %*% Xl[[p]][, j])
    W[, j] <- two$L %*% (c %*% t(m1) + m1 %*% t(c)) %*% A2 %*% g2
  }
  V2 <- two$Q + W %*% two$Q + two$Q %*% t(W) + W %*% V1 %*% t(W)
  show("  b2", two$b); show("  se2", sqrt(diag(two$Q))); show("  se2corrected", sqrt(diag(V2)))
  show("  hansen", t(g2) %*% A2 %*% g2)
}
cat("--- xtdpdsys\n"); system_gmm(2, TRUE)
cat("--- xtabond2 collapse\n"); system_gmm(3, TRUE, TRUE)
