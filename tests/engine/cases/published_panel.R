# Published numbers of panel-data models, computed again from the data: xthtaylor, xtivreg, xttab, xttrans, xtgee,
# xtlogit/xtprobit (pa, re), xtpoisson, xtreg mle, mixed.
# Usage: Rscript published_panel.R FOLDER, with psidextract, nlswork, union, ships and productivity in FOLDER.
suppressMessages(library(haven))
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 9, format = "g"), "\n")
tsls <- function(y, X, Z) {
  P <- Z %*% solve(crossprod(Z), crossprod(Z, X)); A <- solve(crossprod(P)); b <- A %*% crossprod(P, y)
  list(b = c(b), A = A, e = c(y - X %*% b), P = P)
}
wald <- function(b, V, k) c(t(b[k]) %*% solve(V[k, k], b[k]))

# Hausman and Taylor (1981): within residuals, instrumented regression of their means, 2SLS after the GLS transformation.
d <- read("psidextract.dta"); id <- d$id; n <- length(unique(id)); N <- nrow(d); T <- N / n
m <- function(v) ave(v, id)
x1 <- as.matrix(d[, c("occ", "south", "smsa", "ind")]); x2 <- as.matrix(d[, c("exp", "exp2", "wks", "ms", "union")])
z1 <- as.matrix(d[, c("fem", "blk")]); z2 <- as.matrix(d[, "ed", drop = FALSE])
X <- cbind(x1, x2); M <- apply(X, 2, m); W <- X - M; w <- lm.fit(W, d$lwage - m(d$lwage))
s2e <- sum(w$residuals^2) / (N - n); mean_residual <- m(d$lwage) - M %*% w$coefficients
s2 <- mean(tsls(mean_residual, cbind(z1, z2, 1), cbind(x1, z1, 1))$e^2); s2u <- (s2 - s2e / T)
theta <- 1 - sqrt(s2e / (s2e + T * s2u)); g <- function(v) v - theta * m(v)
f <- tsls(g(d$lwage), apply(cbind(x1, x2, z1, z2, 1), 2, g), cbind(W, apply(x1, 2, m), z1, 1)); V <- sum(f$e^2) / (N - 13) * f$A
show("xthtaylor b", f$b); show("xthtaylor se", sqrt(diag(V))); show("xthtaylor chi2", wald(f$b, V, 1:12))
show("xthtaylor sigmas rho", c(sqrt(s2u), sqrt(s2e), s2u / (s2u + s2e))); show("xthtaylor occ", f$b[1] + c(-1, 1) * qnorm(.975) * sqrt(V[1, 1]))

# Two-stage least squares within panels, and G2SLS (Balestra and Varadharajan-Krishnakumar; Baltagi and Chang's variances).
d <- read("nlswork.dta"); d$age2 <- d$age^2; d$black <- as.numeric(d$race == 2)
k <- complete.cases(d[, c("ln_wage", "age", "not_smsa", "tenure", "union", "south")])
fe <- function(d) {
  id <- d$idcode; m <- function(v) ave(v, id); W <- function(v) v - m(v) + mean(v); N <- nrow(d); n <- length(unique(id))
  X <- with(d, cbind(tenure, age, age2, not_smsa)); Z <- with(d, cbind(union, south, age, age2, not_smsa))
  f <- tsls(W(d$ln_wage), cbind(apply(X, 2, W), 1), cbind(apply(Z, 2, W), 1)); s2 <- sum(f$e^2) / (N - n - 4); V <- s2 * f$A
  u <- m(d$ln_wage - cbind(X, 1) %*% f$b); first <- !duplicated(id)
  show("xtivreg fe b", f$b); show("xtivreg fe se", sqrt(diag(V))); show("xtivreg fe chi2", c(wald(f$b, V, 1:4), wald(f$b, V, 1:5)))
  show("xtivreg fe N n corr", c(N, n, cor(u, X %*% f$b[1:4]))); show("xtivreg fe sigmas rho", c(sd(u[first]), sd(u), sqrt(s2), var(u[first]) / (var(u[first]) + s2)))
  show("xtivreg fe limits", f$b[1] + c(-1, 1) * qnorm(.975) * sqrt(V[1, 1]))
}
fe(d[k, ])
# The between equation counts a panel once; its squared residuals are weighted by the panel's size.
re <- function(d) {
  id <- d$idcode; m <- function(v) ave(v, id); W <- function(v) v - m(v); N <- nrow(d); n <- length(unique(id)); Ti <- ave(id, id, FUN = length)
  X <- with(d, cbind(tenure, age, age2, not_smsa, black, 1)); Z <- with(d, cbind(union, birth_yr, south, age, age2, not_smsa, black, 1))
  v <- tsls(W(d$ln_wage), apply(X[, 1:4], 2, W), apply(Z[, c(1, 3:6)], 2, W)); s2e <- sum(v$e^2) / (N - n - 6 + 1)
  j <- !duplicated(id); b <- tsls(m(d$ln_wage)[j], apply(X, 2, m)[j, ], apply(Z, 2, m)[j, ])
  r <- sum(diag(solve(crossprod(apply(X, 2, m)), crossprod(rowsum(X, id)))))
  s2u <- (sum(Ti[j] * b$e^2) - (n - 6) * s2e) / (N - r); theta <- 1 - sqrt(s2e / (Ti * s2u + s2e)); g <- function(v) v - theta * m(v)
  f <- tsls(g(d$ln_wage), apply(X, 2, g), apply(Z, 2, g)); V <- sum(f$e^2) / (N - 6) * f$A
  show("xtivreg re b", f$b); show("xtivreg re se", sqrt(diag(V))); show("xtivreg re chi2 N n", c(wald(f$b, V, 1:5), N, n))
  show("xtivreg re sigmas rho", c(sqrt(s2u), sqrt(s2e), s2u / (s2u + s2e)))
}
re(d[k & !is.na(d$birth_yr), ])

tab <- function(v) {
  t <- table(d$idcode, v) > 0; total <- table(d$idcode[!is.na(v)])
  within <- sapply(colnames(t), function(l) { s <- d$idcode %in% rownames(t)[t[, l]] & !is.na(v); mean(tapply(v[s] == l, d$idcode[s], mean)) })
  share <- colSums(t) * within / sum(colSums(t) * within)
  show("xttab overall", c(table(v), 100 * prop.table(table(v)))); show("xttab between", c(colSums(t), 100 * colSums(t) / sum(rowSums(t) > 0), sum(t)))
  show("xttab within", c(100 * within, 100 * sum(colSums(t) * within) / sum(t), sum(rowSums(t) > 0)))
}
tab(d$msp); tab(d$race)
# Transitions run between a panel's successive observations, both with a value.
o <- d[order(d$idcode, d$year), ]; j <- which(o$idcode[-1] == o$idcode[-nrow(o)])
q <- table(o$msp[j], o$msp[j + 1]); show("xttrans", c(q, rowSums(q), colSums(q), sum(q))); show("xttrans %", c(100 * prop.table(q, 1), 100 * colSums(q) / sum(q)))

# Generalized estimating equations with exchangeable correlation: products of Pearson residuals pooled over the panels, scale
# sum of squares / N (1 for the variance of the logit).
gee <- function(name, y, X, id, family) {
  b <- glm.fit(X, y, family = family)$coefficients; n <- length(y); ni <- table(id)
  for (i in 1:200) {
    eta <- c(X %*% b); mu <- family$linkinv(eta); v <- family$variance(mu); r <- (y - mu) / sqrt(v)
    phi <- sum(r^2) / n; s <- rowsum(r, id); q <- rowsum(r^2, id); t <- c(ni[rownames(s)])
    a <- sum(s^2 - q) / sum(t * (t - 1)) / phi
    D <- X * (family$mu.eta(eta) / sqrt(v)); S <- rowsum(D, id); c <- a / (1 - a + t * a)
    A <- (crossprod(D) - crossprod(S * c, S)) / (1 - a); U <- (rowsum(D * r, id) - S * (c * c(s))) / (1 - a); step <- solve(A, colSums(U)); b <- b + step
    if (max(abs(step)) < 1e-12) break
  }
  V <- solve(A) * (if (family$family == "binomial") 1 else phi); R <- solve(A) %*% crossprod(U) %*% solve(A) * length(t) / (length(t) - 1); p <- length(b); k <- seq_len(p - 1)
  show(paste(name, "b"), b); show(paste(name, "se"), sqrt(diag(V))); show(paste(name, "robust se"), sqrt(diag(R)))
  show(paste(name, "chi2 alpha"), c(wald(b, V, k), wald(b, R, k), a, phi))
  show(paste(name, "limits"), c(b - qnorm(.975) * sqrt(diag(V)), b + qnorm(.975) * sqrt(diag(V))))
}
w <- d[d$year <= 78 & complete.cases(d[, c("ln_wage", "grade", "age")]), ]
u <- read("union.dta"); south <- u$south; Xu <- with(u, cbind(age, grade, not_smsa, south, year, south * year, 1))
gee("xtgee nlswork", w$ln_wage, with(w, cbind(grade, age, age^2, 1)), w$idcode, gaussian())
gee("xtlogit pa", u$union, Xu, u$idcode, binomial())

# Random effects of layouts_linear.toml: Swamy and Arora's components for unbalanced panels give each panel its theta.
k <- complete.cases(d[, c("ln_wage", "age", "tenure")]); v <- d[k, ]; id <- v$idcode; m <- function(q) ave(q, id); n <- length(unique(id)); N <- nrow(v); Ti <- ave(id, id, FUN = length); j <- !duplicated(id)
w <- lm.fit(cbind(v$age - m(v$age), v$tenure - m(v$tenure)), v$ln_wage - m(v$ln_wage)); s2e <- sum(w$residuals^2) / (N - n - 2); b <- lm(m(v$ln_wage)[j] ~ m(v$age)[j] + m(v$tenure)[j]); tbar <- n / sum(1 / Ti[j]); s2u <- sum(resid(b)^2) / (n - 3) - s2e / tbar
theta <- 1 - sqrt(s2e / (Ti[j] * s2u + s2e)); show("xtreg re sigmas theta", c(sqrt(s2u), sqrt(s2e), quantile(theta, c(0, .05, .5, .95, 1), type = 2)))
# Panels with more than one observation left after dropping singletons of both effects.
repeat { a <- table(v$idcode); t <- table(v$year); drop <- a[as.character(v$idcode)] == 1 | t[as.character(v$year)] == 1; if (!any(drop)) break; v <- v[!drop, ] }
show("reghdfe panels", length(unique(v$idcode)))
