# Principal factors, iterated principal factors, scores, sampling adequacy and rotations on R's mtcars.
options(digits = 10)
X <- as.matrix(mtcars[, c("mpg", "disp", "hp", "drat", "wt", "qsec")])
R <- cor(X); p <- ncol(R); n <- nrow(X)
up <- function(L) L %*% diag(ifelse(colSums(L) < 0, -1, 1), ncol(L))
smc <- 1 - 1 / diag(solve(R))
reduced <- R; diag(reduced) <- smc
e <- eigen(reduced)
cat("pf eigenvalues", e$values, "\n")
keep <- e$values > 5e-6
L <- up(e$vectors[, keep] %*% diag(sqrt(e$values[keep])))
cat("pf loadings 1", L[, 1], "\n")
repeat {
  e <- eigen(reduced); L2 <- up(e$vectors[, 1:2] %*% diag(sqrt(e$values[1:2])))
  new <- rowSums(L2^2); done <- max(abs(new - diag(reduced))) < 1e-12; diag(reduced) <- new; if (done) break
}
cat("ipf loadings", L2[, 1], L2[, 2], "\n")
P <- solve(R); A <- -P / sqrt(outer(diag(P), diag(P))); diag(A) <- 0; S <- R; diag(S) <- 0
cat("kmo", sum(S^2) / (sum(S^2) + sum(A^2)), colSums(S^2) / (colSums(S^2) + colSums(A^2)), "\n")
cat("bartlett", -(n - 1 - (2 * p + 5) / 6) * log(det(R)), det(R), "\n")
e <- eigen(R); C <- up(e$vectors[, 1:2] %*% diag(sqrt(e$values[1:2])))
v <- varimax(C, normalize = FALSE, eps = 1e-15)
V <- up(unclass(v$loadings)); V <- V[, order(-colSums(V^2))]
cat("varimax", V[, 1], V[, 2], "variances", colSums(V^2), "\n")
k <- varimax(C, normalize = TRUE, eps = 1e-15)
K <- up(unclass(k$loadings)); K <- K[, order(-colSums(K^2))]
cat("kaiser", K[, 1], "\n")
W <- solve(R, V); cat("regression scoring", W[, 1], "\n")
cat("score of the first car", (scale(X) %*% W)[1, ], "\n")
f <- factanal(covmat = R, factors = 2, n.obs = n, rotation = "none", control = list(opt = list(factr = 10, pgtol = 0), nstart = 5))
cat("ml uniquenesses", f$uniquenesses, "\n")
# stats::promax begins with a varimax of its own that normalises; this is the same formula from V.
U <- lm.fit(V, sign(V) * abs(V)^3)$coefficients
Q <- V %*% (U %*% diag(sqrt(diag(solve(t(U) %*% U)))))
cat("promax", up(Q)[, 1], up(Q)[, 2], "\n")
o <- GPArotation::quartimin(C, eps = 1e-10, maxit = 10000)
O <- up(unclass(o$loadings)); cat("quartimin", O[, 1], O[, 2], "phi", abs(o$Phi[1, 2]), "\n")
e <- eigen(cov(X[, 1:3])); cat("covariance eigenvalues", e$values, "vector", up(e$vectors)[, 1], "\n")
pr <- princomp(covmat = R); cat("pca", pr$sdev^2, "\n")
cat("pca vectors", up(unclass(pr$loadings))[, 1], up(unclass(pr$loadings))[, 2], "\n")
