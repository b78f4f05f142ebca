# Published numbers of ivreg2 and ivpoisson, computed again from the data by the matrices of the estimators.
# Usage: Rscript published_instruments.R FOLDER, with griliches76.dta and mus_docvis.dta in FOLDER.
suppressMessages(library(haven))
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 11, format = "g"), "\n")
d <- read("griliches76.dta"); y <- d$lw; W <- as.matrix(cbind(d[, c("s", "expr", "tenure", "rns", "smsa")], 1)); n <- length(y); Z <- as.matrix(d[, c("med", "kww")])
tsls <- function(X, Z) { P <- Z %*% solve(crossprod(Z), crossprod(Z, X)); b <- solve(crossprod(P), crossprod(P, y)); e <- c(y - X %*% b); A <- solve(crossprod(P)); list(b = c(b), e = e, V = A %*% crossprod(P * e) %*% A) }
X <- cbind(d$iq, W); f <- tsls(X, cbind(W, Z)); k <- 1:6
show("b", f$b); show("robust se", sqrt(diag(f$V))); show("F r2 r2u rmse tss", c(t(f$b[k]) %*% solve(f$V[k, k], f$b[k]) / 6 * (n - 7) / n, 1 - sum(f$e^2) / sum((y - mean(y))^2), 1 - sum(f$e^2) / sum(y^2), sqrt(mean(f$e^2)), sum((y - mean(y))^2)))
# J of linear GMM with the covariance S of the moments of the first step.
moments <- function(e, Q) crossprod(Q * e) / n
J <- function(Q, S) { A <- crossprod(Q, X) / n; c <- crossprod(Q, y) / n; b <- solve(t(A) %*% solve(S, A), t(A) %*% solve(S, c)); g <- c - A %*% b; n * c(t(g) %*% solve(S, g)) }
Q <- cbind(W, Z); r <- lm.fit(Q, f$e)$residuals; s <- n * (1 - sum(r^2) / sum(f$e^2)); show("Hansen, Sargan p", c(J(Q, moments(f$e, Q)), s, pchisq(s, 1, lower.tail = FALSE)))
# First stage net of the included instruments: Cragg-Donald, Kleibergen-Paap with one endogenous regressor, redundancy.
out <- function(v) lm.fit(W, v)$residuals; e <- out(d$iq); P <- out(Z); b <- qr.solve(P, e); u <- e - P %*% b; A <- solve(crossprod(P)); g <- crossprod(P, e)
show("Cragg-Donald F", (sum(e^2) - sum(u^2)) / 2 / (sum(u^2) / (n - 8))); show("robust F", t(b) %*% solve(A %*% crossprod(P * c(u)) %*% A, b) / 2 * (n - 8) / n); show("robust LM", t(g) %*% solve(crossprod(P * e), g))
e1 <- lm.fit(P[, 1, drop = FALSE], e)$residuals; q1 <- lm.fit(P[, 1, drop = FALSE], P[, 2])$residuals; show("redundancy of kww", sum(q1 * e1)^2 / sum((q1 * e1)^2))
# C statistics: J with all moments less J without the suspect ones, both with the weights of the former.
Q <- cbind(W, Z, d$iq); S <- moments(lm.fit(X, y)$residuals, Q); show("endogeneity", J(Q, S) - J(Q[, 1:8], S[1:8, 1:8]))
Q <- cbind(W, Z, d$mrt, d$age); S <- moments(tsls(X, Q)$e, Q); show("J, C, J without mrt age", c(J(Q, S), J(Q, S) - J(Q[, 1:8], S[1:8, 1:8]), J(Q[, 1:8], S[1:8, 1:8])))

# Exponential mean with a multiplicative error: E[z (y exp(-xb) - 1)] = 0, by Gauss-Newton steps.
m <- read("mus_docvis.dta"); m <- m[!(m$private == 1 & m$medicaid == 1) & m$docvis <= 70, ]; own <- c("medicaid", "aget", "aget2", "educyr", "actlim", "totchr")
m <- m[complete.cases(m[, c("docvis", "private", own, "income", "ssiratio")]), ]; y <- m$docvis; n <- length(y); X <- as.matrix(cbind(m[, c("private", own)], 1)); Z <- as.matrix(cbind(m[, own], 1, m[, c("income", "ssiratio")]))
gmm <- function(b, S) { for (i in 1:500) { r <- c(y * exp(-X %*% b)); g <- crossprod(Z, r - 1) / n; G <- -crossprod(Z * r, X) / n; step <- solve(t(G) %*% solve(S, G), t(G) %*% solve(S, g)); b <- b - c(step); if (max(abs(step)) < 1e-13) break }
  C <- crossprod(Z * (r - 1)) / n; H <- solve(t(G) %*% solve(S, G)); M <- H %*% t(G) %*% solve(S); list(b = b, se = sqrt(diag(M %*% C %*% t(M)) / n), J = n * c(t(g) %*% solve(S, g)), S = C) }
one <- gmm(c(rep(0, 7), log(mean(y))), crossprod(Z) / n); two <- gmm(one$b, one$S)
show("ivpoisson onestep b", one$b); show("ivpoisson onestep se", one$se); show("ivpoisson twostep b", two$b); show("ivpoisson twostep se", two$se); show("ivpoisson twostep J", two$J)
