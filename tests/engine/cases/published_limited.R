# Numbers of printed_limited_dependent.toml, printed_panel_survival.toml and printed_resampling.toml, computed again from the data.
# Usage: Rscript published_limited.R FOLDER, with auto, lbw, sysdsn3, womenwk, dollhill3, mroz, cancer and psidextract in FOLDER.
suppressMessages({library(haven); library(survival)})
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 9, format = "g"), "\n")
auto <- read("auto.dta"); lbw <- read("lbw.dta")

# Newton's method from the constant-only model: the log likelihood of each iteration, with the observed information.
newton <- function(name, y, X, link) {
  sign <- 2 * y - 1; b <- c(rep(0, ncol(X) - 1), if (link == "logit") qlogis(mean(y)) else qnorm(mean(y))); steps <- NULL
  repeat {
    e <- sign * c(X %*% b); ll <- sum(if (link == "logit") plogis(e, log.p = TRUE) else pnorm(e, log.p = TRUE)); steps <- c(steps, ll)
    g <- if (link == "logit") plogis(-e) else exp(dnorm(e, log = TRUE) - pnorm(e, log.p = TRUE)); h <- if (link == "logit") g * (1 - g) else g * (g + e)
    d <- solve(crossprod(X, X * h), crossprod(X, sign * g)); if (max(abs(d)) < 1e-9) break; b <- b + c(d)
  }
  V <- solve(crossprod(X, X * h)); s <- sqrt(diag(V)); show(paste(name, "iterations"), steps); show(paste(name, "b"), b); show(paste(name, "se"), s); show(paste(name, "LR r2"), c(2 * (ll - steps[1]), 1 - ll / steps[1]))
  show(paste(name, "limits of 1"), b[1] + c(-1, 1) * qnorm(.975) * s[1]); list(b = b, s = s, p = if (link == "logit") plogis(c(X %*% b)) else pnorm(c(X %*% b)))
}
A <- with(auto, cbind(weight, mpg, 1)); invisible(newton("logit auto", auto$foreign, A, "logit")); invisible(newton("probit auto", auto$foreign, A, "probit"))
L <- with(lbw, cbind(lwt, age, race == 2, race == 3, smoke, ptl, ht, ui, 1)); m <- newton("logit lbw", lbw$low, L, "logit"); z <- qnorm(.975)
show("logistic lwt", c(exp(m$b[1]) * c(1, m$s[1]), m$b[1] / m$s[1], exp(m$b[1] + c(-z, z) * m$s[1])))
g <- cut(rank(m$p, ties.method = "max"), quantile(seq_along(m$p), 0:10 / 10, type = 2), include.lowest = TRUE); o <- tapply(lbw$low, g, sum); e <- tapply(m$p, g, sum); n <- tapply(m$p, g, length)
c2 <- sum((o - e)^2 / (e * (1 - e / n))); show("gof 10 groups", c(c2, pchisq(c2, 8, lower.tail = FALSE))); show("gof rows", c(tapply(m$p, g, max)[1:2], o[1:2], e[1:2], n[1:2]))
k <- apply(L, 1, paste, collapse = " "); o <- tapply(lbw$low, k, sum); q <- tapply(m$p, k, mean); n <- tapply(m$p, k, length); c2 <- sum((o - n * q)^2 / (n * q * (1 - q))); show("gof patterns", c(length(n), c2, pchisq(c2, length(n) - 9, lower.tail = FALSE)))

d <- read("sysdsn3.dta"); d <- d[complete.cases(d[, c("insure", "age", "male", "nonwhite", "site2", "site3")]), ]; X <- with(d, cbind(age, male, nonwhite, site2, site3, 1)); Y <- cbind(d$insure == 2, d$insure == 3)
b <- matrix(0, 6, 2); b[6, ] <- log(colMeans(Y) / mean(d$insure == 1)); steps <- NULL
for (i in 1:7) { P <- exp(X %*% b); P <- P / (1 + rowSums(P)); p0 <- 1 - rowSums(P); steps <- c(steps, sum(log(ifelse(d$insure == 1, p0, ifelse(d$insure == 2, P[, 1], P[, 2]))))); H <- matrix(0, 12, 12)
  for (r in 1:2) for (s in 1:2) H[(r - 1) * 6 + 1:6, (s - 1) * 6 + 1:6] <- crossprod(X, X * (P[, r] * ((r == s) - P[, s]))); b <- b + matrix(solve(H, c(crossprod(X, Y - P))), 6) }
show("mlogit iterations N", c(steps, nrow(d)))

# Heckman (1979) in two steps; the likelihood for the iterations that start from there is maximised by optim.
w <- read("womenwk.dta"); s <- as.numeric(!is.na(w$wage)); Z <- with(w, cbind(married, children, education, age, 1)); p <- glm(s ~ Z - 1, family = binomial("probit"), control = list(epsilon = 1e-14)); u <- c(Z %*% coef(p)); k <- s == 1
ml <- dnorm(u) / pnorm(u); delta <- ml * (ml + u); X <- with(w, cbind(education, age, 1)); Q <- cbind(X, ml)[k, ]; f <- lm.fit(Q, w$wage[k]); b <- f$coefficients; sigma <- sqrt((sum(f$residuals^2) + b[4]^2 * sum(delta[k])) / sum(k)); rho <- b[4] / sigma
F <- crossprod(Q, Z[k, ] * delta[k]); e <- (2 * s - 1) * u; g <- dnorm(e) / pnorm(e); V0 <- rho^2 * F %*% solve(crossprod(Z, Z * (g * (g + e)))) %*% t(F); A <- solve(crossprod(Q)); V <- sigma^2 * A %*% (crossprod(Q, Q * (1 - rho^2 * delta[k])) + V0) %*% A
show("heckman lambda se rho sigma", c(b[4], sqrt(V[4, 4]), rho, sigma, b[4] + c(-z, z) * sqrt(V[4, 4]), b[4]^2 / V[4, 4]))
ll <- function(p) { u <- c(Z %*% p[1:5]); e <- (w$wage - c(X %*% p[6:8])) / exp(p[9]); r <- tanh(p[10]); sum(pnorm(-u[!k], log.p = TRUE)) + sum((dnorm(e, log = TRUE) - p[9] + pnorm((u + r * e) / sqrt(1 - r^2), log.p = TRUE))[k]) }
start <- c(coef(p), b[1:3], log(sigma), atanh(rho)); best <- start; for (i in 1:4) best <- optim(best, ll, method = "BFGS", control = list(fnscale = -1, reltol = 1e-16, maxit = 5000, parscale = abs(start)))$par; show("heckman ml ll", c(ll(start), ll(best)))

d <- read("dollhill3.dta"); f <- glm(deaths ~ smokes + factor(agecat) + offset(log(pyears)), poisson, d, epsilon = 1e-14); q <- summary(f)$coefficients[2, ]; c2 <- sum(residuals(f, "pearson")^2)
show("poisson smokes", c(exp(q[1]) * c(1, q[2]), q[3], exp(q[1] + c(-z, z) * q[2]))); show("poisson gof", c(deviance(f), pchisq(deviance(f), 4, lower.tail = FALSE), c2, pchisq(c2, 4, lower.tail = FALSE)))
m <- read("mroz.dta"); show("biprobit comparison", as.numeric(logLik(glm(inlf ~ educ + age, binomial("probit"), m))) + as.numeric(logLik(glm(city ~ educ + age, binomial("probit"), m))))
t <- survreg(Surv(pmax(mpg, 17), mpg > 17, type = "left") ~ I(weight / 1000), auto, dist = "gaussian", control = survreg.control(rel.tolerance = 1e-12)); show("tobit ll(17)", t$loglik[2])
f <- lm(mpg ~ weight, auto); show("regress r2 r2_a rmse", c(summary(f)$r.squared, summary(f)$adj.r.squared, summary(f)$sigma))
r <- rep(rep(1:5, 2), c(33, 6, 6, 11, 2, 3, 2, 2, 11, 33)); y <- rep(0:1, c(58, 51)); W <- outer(r[y == 1], r[y == 0], function(a, b) (a > b) + (a == b) / 2); area <- mean(W); se <- sqrt(var(rowMeans(W)) / 51 + var(colMeans(W)) / 58)
show("roctab area se limits", c(area, se, area - z * se, area + z * se))
for (c in 1:5) { a <- mean(r[y == 1] >= c); b <- mean(r[y == 0] < c); show(paste("roctab", c), c(100 * a, 100 * b, 100 * mean((r >= c) == y), a / (1 - b), (1 - a) / b)) }

d <- read("cancer.dta"); names(d)[1] <- "time"; d$two <- as.numeric(d$drug > 1); f <- survreg(Surv(time, died) ~ two + age, d, control = survreg.control(rel.tolerance = 1e-12)); show("weibull drug trial ll", f$loglik[2] + sum(log(d$time[d$died == 1])))
for (i in 0:3) show(paste("cox iteration", i), suppressWarnings(coxph(Surv(time, died) ~ two + age, d, ties = "breslow", control = coxph.control(iter.max = i)))$loglik[2])

# Two-step difference GMM with the errors' tests of Arellano and Bond (1991).
d <- read("psidextract.dta"); d <- d[order(d$id, d$t), ]; G <- unique(d$id); T <- 7; rows <- 3:T; Zi <- Xi <- Yi <- list()
for (i in seq_along(G)) { e <- d[d$id == G[i], ]; y <- e$lwage; S <- as.matrix(e[, c("wks", "ms", "union")])
  Z <- NULL; for (s in rows) for (l in 1:(s - 2)) Z <- cbind(Z, (rows == s) * y[l])
  D <- S[rows, ] - S[rows - 1, ]; Zi[[i]] <- cbind(Z, D); Xi[[i]] <- cbind(y[rows - 1] - y[rows - 2], D); Yi[[i]] <- y[rows] - y[rows - 1] }
H <- 2 * diag(5); H[abs(row(H) - col(H)) == 1] <- -1; S <- Reduce(`+`, lapply(Zi, function(Z) t(Z) %*% H %*% Z)); X <- do.call(rbind, Xi); Z <- do.call(rbind, Zi); Y <- unlist(Yi); XZ <- crossprod(X, Z)
est <- function(A) solve(XZ %*% A %*% t(XZ), XZ %*% A %*% crossprod(Z, Y)); b <- est(solve(S)); mo <- function(b) sapply(seq_along(G), function(i) crossprod(Zi[[i]], Yi[[i]] - Xi[[i]] %*% b)); A <- solve(tcrossprod(mo(b))); b2 <- est(A); V <- solve(XZ %*% A %*% t(XZ)); M <- mo(b2)
for (l in 1:2) { q <- sapply(seq_along(G), function(i) { e <- c(Yi[[i]] - Xi[[i]] %*% b2); c(sum(e[-(1:l)] * e[1:(5 - l)])) })
  wX <- Reduce(`+`, lapply(seq_along(G), function(i) { e <- c(Yi[[i]] - Xi[[i]] %*% b2); e[1:(5 - l)] %*% Xi[[i]][-(1:l), , drop = FALSE] }))
  v <- sum(q^2) - 2 * wX %*% V %*% XZ %*% A %*% M %*% q + wX %*% V %*% t(wX); show(paste("abond", l), c(sum(q) / sqrt(v), 2 * pnorm(-abs(sum(q) / sqrt(v))))) }
show("xtabond b", b2)
