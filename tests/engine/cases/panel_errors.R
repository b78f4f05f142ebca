# Reference numbers of xtpcse.toml and xtgls.toml: Rscript panel_errors.R, run in this folder. Base R only.
# The full NT x NT error covariance is formed with kronecker(), observations in order of panel, then time.
m <- 4; T <- 30; N <- m * T; i <- 1:N - 1
id <- rep(1:m, each = T)
x <- (i * 37) %% 101 / 50 - 1; z <- (i * 53) %% 97 / 48 - 1; u <- (i * 71) %% 89 / 44 - 1
common <- rep(((1:T - 1) * 29) %% 31 / 15 - 1, m)
e <- 0.4 * id * u + 0.5 * common
for (j in 2:N) if (id[j] == id[j - 1]) e[j] <- e[j] + (0.2 + 0.1 * id[j]) * e[j - 1]
y <- 1 + 0.5 * x - 0.3 * z + e
data <- "set obs 120
generate id = ceil(_n/30)
generate t = mod(_n-1, 30) + 1
generate double x = mod((_n-1)*37, 101)/50 - 1
generate double z = mod((_n-1)*53, 97)/48 - 1
generate double e = 0.4*id*(mod((_n-1)*71, 89)/44 - 1) + 0.5*(mod((t-1)*29, 31)/15 - 1)
replace e = e + (0.2 + 0.1*id)*e[_n-1] if t > 1
generate double y = 1 + 0.5*x - 0.3*z + e
xtset id t"
X <- cbind(x, z, 1)
ols <- function(X, y) drop(solve(crossprod(X), crossprod(X, y)))
rhos <- function(e) pmax(-1, pmin(1, sapply(1:m, function(g) { v <- e[id == g]; sum(v[-1] * v[-T]) / sum(v[-T]^2) })))
prais <- function(rho) {
  P <- matrix(0, N, N)
  for (g in 1:m) { D <- diag(T); D[cbind(2:T, 1:(T - 1))] <- -rho[g]; D[1, 1] <- sqrt(1 - rho[g]^2); P[id == g, id == g] <- D }
  P
}
omega <- function(e, kind) {
  S <- crossprod(matrix(e, T)) / T
  S <- switch(kind, iid = diag(m) * sum(e^2) / N, het = diag(diag(S)), corr = S)
  kronecker(S, diag(T))
}
fit <- function(gls, kind, ar) {
  r <- rep(0, m)
  if (ar != "independent") r <- rhos(drop(y - X %*% ols(X, y)))
  if (ar == "ar1") r <- rep(mean(r), m)
  P <- if (ar == "independent") diag(N) else prais(r)
  A <- P %*% X; b <- drop(P %*% y); c0 <- ols(A, b); e <- drop(b - A %*% c0); O <- omega(e, kind)
  if (gls) { V <- solve(t(A) %*% solve(O, A)); beta <- drop(V %*% (t(A) %*% solve(O, b))) }
  else { B <- solve(crossprod(A)); V <- B %*% t(A) %*% O %*% A %*% B; beta <- c0 }
  s <- beta[1:2]
  out <- c("_b[x]" = beta[[1]], "_b[z]" = beta[[2]], "_b[_cons]" = beta[[3]], "_se[x]" = sqrt(V[1, 1]), "_se[z]" = sqrt(V[2, 2]),
    "_se[_cons]" = sqrt(V[3, 3]), "e(chi2)" = drop(s %*% solve(V[1:2, 1:2], s)))
  if (!gls) out <- c(out, "e(r2)" = 1 - sum(e^2) / sum((b - mean(b))^2))
  if (ar == "ar1") out <- c(out, "e(rho)" = r[1])
  out
}
write_case <- function(con, id, line, values)
  cat(sprintf('\n[[case]]\nid = "%s"\nsource = "R: panel_errors.R"\ndo = \'\'\'\n%s\n%s\n\'\'\'\nvalue = { %s }\nrtol = 1e-8\n', id, data, line,
    paste(sprintf('"%s" = %.12g', names(values), values), collapse = ", ")), file = con)
out <- file("xtpcse.toml", "w"); cat('command = "xtpcse"\n', file = out)
for (kind in c("iid", "het", "corr")) for (ar in c("independent", "ar1", "psar1")) {
  options <- paste(c(c(iid = "independent", het = "hetonly", corr = "")[[kind]], if (ar != "independent") sprintf("correlation(%s)", ar)), collapse = " ")
  write_case(out, paste(kind, ar, sep = "_"), paste("xtpcse y x z,", options), fit(FALSE, kind, ar))
}
close(out)
out <- file("xtgls.toml", "w"); cat('command = "xtgls"\n', file = out)
for (kind in c("iid", "het", "corr")) for (ar in c("independent", "ar1", "psar1"))
  write_case(out, paste(kind, ar, sep = "_"), sprintf("xtgls y x z, panels(%s) corr(%s)", kind, ar), fit(TRUE, kind, ar))
close(out)
