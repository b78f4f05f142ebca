# Instrumental variables for panels: plm and two-stage least squares written out. Rscript xtivreg.R
suppressMessages(library(plm))
n <- 240; i <- 1:n
id <- ceiling(i / 8); t <- (i - 1) %% 8 + 1
z1 <- ((i - 1) * 37) %% 101 / 50 - 1; z2 <- ((i - 1) * 53) %% 97 / 48 - 1; w <- ((i - 1) * 61) %% 83 / 41 - 1
a <- (id * 29) %% 31 / 15 - 1; v <- ((i - 1) * 71) %% 89 / 44 - 1; e <- ((i - 1) * 43) %% 79 / 39 - 1
x <- 0.8 * z1 + 0.4 * z2 + 0.5 * v + 0.3 * a
y <- 1 + 0.5 * x - 0.3 * w + a + 0.6 * v + 0.5 * e
d <- pdata.frame(data.frame(id, t, y, x, w, z1, z2), index = c("id", "t"))
show <- function(name, q) cat(name, sprintf("%.12g", q), "\n")
tsls <- function(y, X, Z, df) {
  P <- Z %*% solve(crossprod(Z), crossprod(Z, X)); A <- solve(crossprod(P)); b <- A %*% crossprod(P, y); r <- y - X %*% b
  show("  b", b); show("  se", sqrt(diag(A) * sum(r^2) / df)); list(b = b, r = r, P = P, A = A)
}
m <- function(q) ave(q, id); W <- function(q) q - m(q) + mean(q)
cat("--- fe\n"); f <- tsls(W(y), cbind(W(x), W(w), 1), cbind(W(w), W(z1), W(z2), 1), n - 30 - 2)
g <- rowsum(f$P * as.vector(f$r), id); V <- f$A %*% crossprod(g) %*% f$A * 30 / 29; show("  robust", sqrt(diag(V)))
cat("--- be\n"); k <- t == 1; o <- tsls(m(y)[k], cbind(m(x), m(w), 1)[k, ], cbind(m(w), m(z1), m(z2), 1)[k, ], 30 - 3)
cat("--- fd\n"); D <- function(q) c(NA, diff(q))[t > 1]; o <- tsls(D(y), cbind(D(x), D(w), 1), cbind(D(w), D(z1), D(z2), 1), 210 - 3)
cat("--- re\n"); r <- plm(y ~ x + w | w + z1 + z2, d, model = "random", random.method = "swar", inst.method = "bvk")
s2 <- sum(f$r^2) / (n - 30 - 2)
bt <- { X <- cbind(m(x), m(w), 1)[k, ]; Z <- cbind(m(w), m(z1), m(z2), 1)[k, ]; P <- Z %*% solve(crossprod(Z), crossprod(Z, X)); m(y)[k] - X %*% solve(crossprod(P), crossprod(P, m(y)[k])) }
su <- (8 * sum(bt^2) - (30 - 3) * s2) / (n - 8 * 3); show("  sigma_u", sqrt(su)); show("  sigma_e", sqrt(s2))
th <- 1 - sqrt(s2 / (8 * su + s2)); q <- function(v) v - th * m(v)
o <- tsls(q(y), cbind(q(x), q(w), q(rep(1, n))), cbind(q(w), q(z1), q(z2), q(rep(1, n))), n - 3)
cat("--- ec2sls\n")
Z <- cbind(w - m(w), z1 - m(z1), z2 - m(z2), m(w), m(z1), m(z2), 1); o <- tsls(q(y), cbind(q(x), q(w), q(rep(1, n))), Z, n - 3)
cat("--- plm\n"); show("  b", coef(r)[c(2, 3, 1)])
