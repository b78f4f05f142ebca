# Exponential-mean GMM in matrix form: optim on the criterion, Newton refinement, numDeriv Jacobian of the moments.
# Usage: Rscript ivpoisson.R FOLDER, with mus_docvis.dta in FOLDER.
suppressMessages({library(haven); library(numDeriv)})
d <- as.data.frame(zap_labels(read_dta(file.path(commandArgs(TRUE)[1], "mus_docvis.dta")))); d$inc <- d$income / 10; n <- nrow(d)
X <- cbind(d$private, d$totchr, d$aget, d$inc, 1); Z <- cbind(d$private, d$totchr, d$aget, d$ssiratio, d$medicaid, 1)
run <- function(name, u, twostep) {
  g <- function(b) colMeans(Z * u(b)); W <- solve(crossprod(Z) / n); b <- coef(glm(d$docvis ~ X - 1, family = poisson))
  fit <- function(b, W) { f <- function(b) sum(g(b) * (W %*% g(b))); b <- optim(b, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000))$par
    for (i in 1:30) { G <- jacobian(g, b); b <- b - solve(t(G) %*% W %*% G, t(G) %*% W %*% g(b)) }; as.vector(b) }
  S <- function(b) crossprod(Z * as.vector(u(b))) / n
  b <- fit(b, W); if (twostep) { W <- solve(S(b)); b <- fit(b, W) }
  G <- jacobian(g, b); A <- solve(t(G) %*% W %*% G); V <- A %*% t(G) %*% W %*% S(b) %*% W %*% G %*% A / n
  cat("==", name, "\n"); print(cbind(b, sqrt(diag(V))), digits = 10); cat(sprintf("J %.10g\n", n * sum(g(b) * (W %*% g(b)))))
}
add <- function(b) d$docvis - exp(as.vector(X %*% b)); mul <- function(b) d$docvis / exp(as.vector(X %*% b)) - 1
run("additive twostep", add, TRUE); run("multiplicative twostep", mul, TRUE); run("additive onestep", add, FALSE)
