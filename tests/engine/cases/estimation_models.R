# Expectations of the cases of reghdfe, qreg, prais, sureg, reg3, gmm, clogit, xtlogit, xtpoisson, truncreg, intreg,
# biprobit, zip, zinb, tpoisson, tnbreg, heckman, constraint, jackknife, statsby, rolling and sqreg.
# Base R and the recommended package survival. The data are those of the do-lines that the cases share.
suppressMessages(library(survival))
options(digits = 12)
n <- 120; i <- 1:n
id <- ceiling(i / 6); t <- (i - 1) %% 6 + 1
x <- ((i * 37) %% 101) / 50 - 1
z <- ((i * 53) %% 97) / 48 - 1
u <- ((i * 71) %% 89) / 44 - 1
v <- ((i * 29) %% 83) / 41 - 1
y <- 1 + 0.5 * x - 0.3 * z + 0.8 * u + 0.1 * (id %% 5)
d <- as.numeric(x + z + 1.3 * u > 0.2)
d2 <- as.numeric(x - z + 1.1 * v > 0)
cnt <- floor(exp(0.6 + 0.5 * x + 0.9 * u))
cnt[v < -0.6] <- 0
show <- function(case, name, value) cat(sprintf("%s|%s|%.10g\n", case, name, value))
both <- function(case, names, b, V) for (k in seq_along(names)) {
  show(case, sprintf("_b[%s]", names[k]), b[k]); show(case, sprintf("_se[%s]", names[k]), sqrt(V[k, k])) }

# reghdfe: dummies, then the corrections of the three variances
m <- lm(y ~ x + z + factor(id) + factor(t)); s <- vcov(m)[2:3, 2:3]
both("reghdfe-two_way", c("x", "z"), coef(m)[2:3], s); show("reghdfe-two_way", "e(df_r)", m$df.residual)
show("reghdfe-two_way", "e(r2)", summary(m)$r.squared); show("reghdfe-two_way", "e(rmse)", summary(m)$sigma)
W <- cbind(resid(lm(x ~ factor(id) + factor(t))), resid(lm(z ~ factor(id) + factor(t))))
e <- resid(m); B <- solve(crossprod(W))
show("reghdfe-two_way", "e(r2_within)", 1 - sum(e^2) / sum(resid(lm(y ~ factor(id) + factor(t)))^2))
both("reghdfe-robust", c("x", "z"), coef(m)[2:3], B %*% crossprod(W * e) %*% B * n / m$df.residual)
cl <- function(g) crossprod(rowsum(W * e, g))
G <- length(unique(id)); dfr <- n - 2 - 5 - 1
both("reghdfe-cluster", c("x", "z"), coef(m)[2:3], B %*% cl(id) %*% B * G / (G - 1) * (n - 1) / dfr)
g2 <- (i * 7) %% 29
# with the constant restored as reghdfe does, and negative eigenvalues set to zero
W1 <- cbind(W[, 1] + mean(x), W[, 2] + mean(z), 1); B1 <- solve(crossprod(W1))
cl1 <- function(g) crossprod(rowsum(W1 * e, g)); M <- 20
two <- B1 %*% (cl1(id) + cl1(g2) - cl1(id * 100 + g2)) %*% B1 * M / (M - 1) * (n - 1) / dfr
E <- eigen((two + t(two)) / 2); two <- E$vectors %*% diag(pmax(E$values, 0)) %*% t(E$vectors)
both("reghdfe-two_clusters", c("x", "z"), coef(m)[2:3], two)

# quantile regression by trying every pair of observations
quant <- function(q, X, y) { best <- Inf; b <- NULL
  for (a in 1:(length(y) - 1)) for (c in (a + 1):length(y)) { A <- X[c(a, c), ]
    if (abs(det(A)) > 1e-9) { bb <- solve(A, y[c(a, c)]); r <- y - X %*% bb; l <- sum(r * (q - (r < 0)))
      if (l < best - 1e-12) { best <- l; b <- bb } } }
  c(b, best) }
XX <- cbind(x, 1)
for (q in c(0.5, 0.25, 0.9)) { r <- quant(q, XX, y); case <- sprintf("qreg-q%g", 100 * q)
  show(case, "_b[x]", r[1]); show(case, "_b[_cons]", r[2]); show(case, "e(sum_adev)", r[3]) }
h <- n^(-1/3) * qnorm(.975)^(2/3) * (1.5 * dnorm(0)^2)^(1/3)
dif <- (quant(0.5 + h, XX, y)[1:2] - quant(0.5 - h, XX, y)[1:2]); sp <- sum(colMeans(XX) * dif) / (2 * h)
V <- sp^2 * 0.25 * solve(crossprod(XX))
show("qreg-q50", "_se[x]", sqrt(V[1, 1])); show("qreg-q50", "e(sparsity)", sp); show("qreg-q50", "e(bwidth)", h)
f <- 2 * h / (XX %*% dif); f[f < 0] <- 0
R <- solve(crossprod(XX * as.vector(f), XX)); show("qreg-robust", "_se[x]", sqrt((0.25 * R %*% crossprod(XX) %*% R)[1, 1]))
for (q in c(0.25, 0.75)) show("sqreg-two", sprintf("[q%g]_b[x]", 100 * q), quant(q, XX, y)[1])

# prais: iterate to convergence
iter <- function(corc, rhof) { b <- coef(lm(y ~ x + z))[c(2, 3, 1)]; X <- cbind(x, z, 1); rho <- 0
  for (k in 1:500) { ee <- as.vector(y - X %*% b); rho <- rhof(ee)
    ty <- y[-1] - rho * y[-n]; tX <- X[-1, ] - rho * X[-n, ]
    if (!corc) { s <- sqrt(1 - rho^2); ty <- c(s * y[1], ty); tX <- rbind(s * X[1, ], tX) }
    b <- solve(crossprod(tX), crossprod(tX, ty)) }
  r <- ty - tX %*% b; list(b = b, V = solve(crossprod(tX)) * sum(r^2) / (length(ty) - 3), rho = rho) }
reg <- function(e) sum(e[-1] * e[-n]) / sum(e[-n]^2)
p <- iter(FALSE, reg); both("prais-default", c("x", "z", "_cons"), p$b, p$V); show("prais-default", "e(rho)", p$rho)
p <- iter(TRUE, reg); both("prais-corc", c("x", "z", "_cons"), p$b, p$V); show("prais-corc", "e(rho)", p$rho)
p <- iter(FALSE, function(e) 1 - sum(diff(e)^2) / sum(e^2) / 2); both("prais-dw", c("x", "z"), p$b, p$V)

# two equations: SUR, iterated SUR, 3SLS
y2 <- 0.4 * x + 0.7 * v + 0.5 * u
X1 <- cbind(x, z, 1); X2 <- cbind(x, v, 1)
gls <- function(A, Bm, S, ya, yb) { P <- solve(S)
  H <- rbind(cbind(P[1, 1] * crossprod(A), P[1, 2] * crossprod(A, Bm)), cbind(P[2, 1] * crossprod(Bm, A), P[2, 2] * crossprod(Bm)))
  list(b = solve(H, c(crossprod(A, P[1, 1] * ya + P[1, 2] * yb), crossprod(Bm, P[2, 1] * ya + P[2, 2] * yb))), V = solve(H)) }
S <- crossprod(cbind(resid(lm(y ~ x + z)), resid(lm(y2 ~ x + v)))) / n
f1 <- gls(X1, X2, S, y, y2)
nm <- c("x", "z", "_cons", "x", "v", "_cons"); eq <- c("y", "y", "y", "y2", "y2", "y2")
put <- function(case, f) for (k in 1:6) { show(case, sprintf("[%s]_b[%s]", eq[k], nm[k]), f$b[k]); show(case, sprintf("[%s]_se[%s]", eq[k], nm[k]), sqrt(f$V[k, k])) }
put("sureg-two", f1)
for (k in 1:300) { S <- crossprod(cbind(y - X1 %*% f1$b[1:3], y2 - X2 %*% f1$b[4:6])) / n; f1 <- gls(X1, X2, S, y, y2) }
put("sureg-isure", f1)
y3 <- 0.5 * y + 0.4 * v + 0.3 * ((i * 17) %% 73) / 36
A <- cbind(y3, x, 1); Bm <- cbind(y, v, 1); Z <- cbind(x, v, z, 1); PZ <- Z %*% solve(crossprod(Z), t(Z))
b1 <- solve(t(A) %*% PZ %*% A, t(A) %*% PZ %*% y); b2 <- solve(t(Bm) %*% PZ %*% Bm, t(Bm) %*% PZ %*% y3)
three <- function(b1, b2) gls(PZ %*% A, PZ %*% Bm, crossprod(cbind(y - A %*% b1, y3 - Bm %*% b2)) / n, y, y3)
f1 <- three(b1, b2)
both("reg3-two", c("y3", "x", "_cons"), f1$b[1:3], f1$V[1:3, 1:3]); show("reg3-two", "[y3]_b[v]", f1$b[5]); show("reg3-two", "[y3]_se[v]", sqrt(f1$V[5, 5]))
for (k in 1:200) f1 <- three(f1$b[1:3], f1$b[4:6])
both("reg3-iterated", c("y3", "x", "_cons"), f1$b[1:3], f1$V[1:3, 1:3])
k <- lm(y ~ I(x + z)); both("cnsreg-equal", "x", coef(k)[2], vcov(k)[2, 2, drop = FALSE]); show("cnsreg-equal", "_b[z]", coef(k)[2]); show("cnsreg-equal", "e(rmse)", summary(k)$sigma)
k <- lm(y ~ z, offset = 0.5 * x); show("cnsreg-fixed", "_b[z]", coef(k)[2]); show("cnsreg-fixed", "_se[z]", sqrt(vcov(k)[2, 2])); show("cnsreg-fixed", "_b[x]", 0.5)
k <- lm(y ~ I(x - 2 * z)); ee <- resid(k); Q <- cbind(1, x - 2 * z); P <- solve(crossprod(Q)); show("cnsreg-robust", "_se[x]", sqrt((P %*% crossprod(Q * ee) %*% P)[2, 2] * n / (n - 2)))

# GMM: 2SLS weights, two-step
Zi <- cbind(v, z, u, 1); Xi <- cbind(x, 1); xi <- x
Wm <- solve(crossprod(Zi) / n); g <- function(W) solve(t(Xi) %*% Zi %*% W %*% t(Zi) %*% Xi, t(Xi) %*% Zi %*% W %*% t(Zi) %*% y2)
sand <- function(W, b) { ee <- as.vector(y2 - Xi %*% b); Sg <- crossprod(Zi * ee) / n; D <- crossprod(Zi, Xi) / n
  Br <- solve(t(D) %*% W %*% D); list(V = Br %*% t(D) %*% W %*% Sg %*% W %*% D %*% Br / n, S = Sg, J = n * t(colMeans(Zi * ee)) %*% W %*% colMeans(Zi * ee)) }
b <- g(Wm); r <- sand(Wm, b)
show("gmm-onestep", "[b1]_b[_cons]", b[1]); show("gmm-onestep", "se", sqrt(r$V[1, 1]))
W2 <- solve(r$S); b <- g(W2); r <- sand(W2, b)
show("gmm-twostep", "[b1]_b[_cons]", b[1]); show("gmm-twostep", "se", sqrt(r$V[1, 1])); show("gmm-twostep", "e(J)", r$J)

# groups
cg <- clogit(d ~ x + z + strata(id), method = "exact"); both("clogit-many", c("x", "z"), coef(cg), vcov(cg))
show("clogit-many", "e(ll)", cg$loglik[2]); show("clogit-many", "e(chi2)", 2 * diff(cg$loglik))
keep <- ave(cnt, id, FUN = sum) > 0
pg <- glm(cnt ~ x + z + factor(id), family = poisson, subset = keep, control = list(epsilon = 1e-14))
both("xtpoisson-fe", c("x", "z"), coef(pg)[2:3], vcov(pg)[2:3, 2:3])

# likelihoods maximised directly, standard errors from central differences of the gradient
num <- function(f, b) { p <- length(b); H <- matrix(0, p, p); h <- 1e-4 * (1 + abs(b))
  for (a in 1:p) for (c in 1:p) { ea <- replace(rep(0, p), a, h[a]); ec <- replace(rep(0, p), c, h[c])
    H[a, c] <- (f(b + ea + ec) - f(b + ea - ec) - f(b - ea + ec) + f(b - ea - ec)) / (4 * h[a] * h[c]) }
  H }
ml <- function(f, start) { o <- optim(start, f, method = "BFGS", control = list(maxit = 5000, reltol = 1e-16))
  b <- o$par; for (k in 1:6) { h <- 1e-5 * (1 + abs(b)); gr <- sapply(seq_along(b), function(j) { e <- replace(rep(0, length(b)), j, h[j]); (f(b + e) - f(b - e)) / (2 * h[j]) })
    b <- b - solve(num(f, b), gr) }
  list(b = b, V = solve(num(f, b)), ll = -f(b)) }
tr <- y > 0.5
yt <- y[tr]; xt <- x[tr]; zt <- z[tr]
f <- ml(function(b) -sum(dnorm(yt, b[1] * xt + b[2] * zt + b[3], exp(b[4]), log = TRUE) - pnorm((b[1] * xt + b[2] * zt + b[3] - 0.5) / exp(b[4]), log.p = TRUE)), c(.5, -.3, 1, -.5))
both("truncreg-lower", c("x", "z", "_cons"), f$b, f$V); show("truncreg-lower", "e(ll)", f$ll); show("truncreg-lower", "e(sigma)", exp(f$b[4]))
lo <- ifelse(y < 0.4, NA, floor(y * 2) / 2); hi <- ifelse(y > 1.6, NA, ifelse(y < 0.4, 0.4, floor(y * 2) / 2 + 0.5))
sr <- survreg(Surv(lo, hi, type = "interval2") ~ x + z, dist = "gaussian", control = list(rel.tolerance = 1e-13))
k <- c(2, 3, 1); both("intreg-mixed", c("x", "z", "_cons"), coef(sr)[k], vcov(sr)[k, k])
show("intreg-mixed", "e(ll)", sr$loglik[2]); show("intreg-mixed", "e(sigma)", sr$scale)
zi <- function(b) { mu <- exp(b[1] * x + b[2] * u + b[3]); p <- plogis(b[4] * z + b[5]); -sum(ifelse(cnt == 0, log(p + (1 - p) * exp(-mu)), log(1 - p) + dpois(cnt, mu, log = TRUE))) }
f <- ml(zi, c(.5, .5, .5, -1, -1)); for (k in 1:3) { show("zip-logit", sprintf("[cnt]_b[%s]", c("x", "u", "_cons")[k]), f$b[k]); show("zip-logit", sprintf("[cnt]_se[%s]", c("x", "u", "_cons")[k]), sqrt(f$V[k, k])) }
for (k in 4:5) { show("zip-logit", sprintf("[inflate]_b[%s]", c("z", "_cons")[k - 3]), f$b[k]); show("zip-logit", sprintf("[inflate]_se[%s]", c("z", "_cons")[k - 3]), sqrt(f$V[k, k])) }
show("zip-logit", "e(ll)", f$ll)
pos <- cnt > 0
tp <- function(b) { mu <- exp(b[1] * x + b[2] * u + b[3])[pos]; -sum(dpois(cnt[pos], mu, log = TRUE) - log1p(-exp(-mu))) }
f <- ml(tp, c(.5, .5, .5)); both("tpoisson-zero", c("x", "u", "_cons"), f$b, f$V); show("tpoisson-zero", "e(ll)", f$ll)
cnt2 <- floor(exp(0.9 + 0.6 * x + 1.1 * u + 0.8 * v)); pos2 <- cnt2 > 0
tn <- function(b) { mu <- exp(b[1] * x + b[2])[pos2]; s <- exp(-b[3]); -sum(dnbinom(cnt2[pos2], size = s, mu = mu, log = TRUE) - log1p(-dnbinom(0, size = s, mu = mu))) }
f <- ml(tn, c(.5, .5, -.5)); both("tnbreg-zero", c("x", "_cons"), f$b, f$V); show("tnbreg-zero", "e(ll)", f$ll); show("tnbreg-zero", "e(alpha)", exp(f$b[3]))
sel <- z + v + 0.6 * ((i * 17) %% 73) / 36 + 0.3 * u > 0
hk <- function(b) { xb <- b[1] * x + b[2]; zg <- b[3] * z + b[4] * v + b[5]; r <- tanh(b[6]); s <- exp(b[7]); q <- (y - xb) / s
  -sum(ifelse(sel, pnorm((zg + r * q) / sqrt(1 - r^2), log.p = TRUE) + dnorm(q, log = TRUE) - b[7], pnorm(-zg, log.p = TRUE))) }
f <- ml(hk, c(.5, 1, 1, 1, .5, .2, -.5)); show("heckman-ml", "[y]_b[x]", f$b[1]); show("heckman-ml", "[y]_se[x]", sqrt(f$V[1, 1])); show("heckman-ml", "[s]_b[z]", f$b[3]); show("heckman-ml", "[s]_se[z]", sqrt(f$V[3, 3])); show("heckman-ml", "e(ll)", f$ll); show("heckman-ml", "e(rho)", tanh(f$b[6]))
bv <- function(h, k, r) mapply(function(h, k, r) integrate(function(s) dnorm(s) * pnorm((k - r * s) / sqrt(1 - r^2)), -Inf, h, rel.tol = 1e-11)$value, h, k, r)
bp <- function(b) { a <- b[1] * x + b[2]; c <- b[3] * x + b[4] * v + b[5]; q1 <- 2 * d - 1; q2 <- 2 * d2 - 1; -sum(log(bv(q1 * a, q2 * c, q1 * q2 * tanh(b[6])))) }
f <- ml(bp, c(coef(glm(d ~ x, binomial(probit)))[2:1], coef(glm(d2 ~ x + v, binomial(probit)))[c(2, 3, 1)], 0))
show("biprobit-two", "[d]_b[x]", f$b[1]); show("biprobit-two", "[d2]_b[v]", f$b[4]); show("biprobit-two", "[d]_se[x]", sqrt(f$V[1, 1])); show("biprobit-two", "e(ll)", f$ll); show("biprobit-two", "e(rho)", tanh(f$b[6]))

f <- ml(function(b) -sum(dnorm(y[y > 0.3 & y < 1.8], (b[1] * x + b[2])[y > 0.3 & y < 1.8], exp(b[3]), log = TRUE) - log(pnorm((1.8 - b[1] * x - b[2]) / exp(b[3])) - pnorm((0.3 - b[1] * x - b[2]) / exp(b[3])))[y > 0.3 & y < 1.8]), c(.3, 1, -.3))
both("truncreg-both", c("x", "_cons"), f$b, f$V); show("truncreg-both", "e(ll)", f$ll)
one <- cnt > 1
f <- ml(function(b) { mu <- exp(b[1] * x + b[2])[one]; -sum(dpois(cnt[one], mu, log = TRUE) - ppois(1, mu, lower.tail = FALSE, log.p = TRUE)) }, c(.5, .5))
both("tpoisson-one", c("x", "_cons"), f$b, f$V); show("tpoisson-one", "e(ll)", f$ll)
f <- ml(function(b) { mu <- exp(b[1] * x + b[2]); p <- pnorm(b[3] * z + b[4]); -sum(ifelse(cnt == 0, log(p + (1 - p) * exp(-mu)), log(1 - p) + dpois(cnt, mu, log = TRUE))) }, c(.5, .5, -1, -1))
show("zip-probit", "[cnt]_b[x]", f$b[1]); show("zip-probit", "[cnt]_se[x]", sqrt(f$V[1, 1])); show("zip-probit", "[inflate]_b[z]", f$b[3]); show("zip-probit", "[inflate]_se[z]", sqrt(f$V[3, 3])); show("zip-probit", "e(ll)", f$ll)
f <- ml(function(b) { mu <- exp(b[1] * x + b[2]); s <- exp(-b[5]); p <- plogis(b[3] * z + b[4]); -sum(ifelse(cnt2 == 0, log(p + (1 - p) * dnbinom(0, size = s, mu = mu)), log(1 - p) + dnbinom(cnt2, size = s, mu = mu, log = TRUE))) }, c(.5, .8, -.5, -2, -.5))
show("zinb-logit", "[cnt2]_b[x]", f$b[1]); show("zinb-logit", "[cnt2]_se[x]", sqrt(f$V[1, 1])); show("zinb-logit", "e(alpha)", exp(f$b[5])); show("zinb-logit", "e(ll)", f$ll)
pg <- glm(cnt ~ x + factor(id) + offset(log(t)), family = poisson, subset = keep, control = list(epsilon = 1e-14))
both("xtpoisson-exposure", "x", coef(pg)[2], vcov(pg)[2, 2, drop = FALSE])
cg <- clogit(d2 ~ x + strata(t), method = "exact"); both("clogit-large", "x", coef(cg), vcov(cg)); show("clogit-large", "e(ll)", cg$loglik[2])
sr <- survreg(Surv(lo, hi, type = "interval2") ~ 1, dist = "gaussian", control = list(rel.tolerance = 1e-13)); show("intreg-constant", "_b[_cons]", coef(sr)); show("intreg-constant", "e(ll)", sr$loglik[1])

# constraints: equal coefficients are the coefficient of the sum
k <- glm(d2 ~ I(x + v) + u, family = binomial, control = list(epsilon = 1e-14))
show("constraint-logit", "_b[x]", coef(k)[2]); show("constraint-logit", "_se[v]", sqrt(vcov(k)[2, 2])); show("constraint-logit", "e(ll)", as.numeric(logLik(k)))
k <- glm(cnt ~ u + offset(0.5 * x), family = poisson, control = list(epsilon = 1e-14))
show("constraint-poisson", "_b[u]", coef(k)[2]); show("constraint-poisson", "_se[u]", sqrt(vcov(k)[2, 2])); show("constraint-poisson", "_se[_cons]", sqrt(vcov(k)[1, 1]))
k <- glm(d2 ~ I(x - z), family = binomial(probit), control = list(epsilon = 1e-14))
show("constraint-probit", "_b[x]", coef(k)[2]); show("constraint-probit", "e(ll)", as.numeric(logLik(k)))

# resampling
jk <- sapply(1:n, function(a) coef(lm(y[-a] ~ x[-a] + z[-a]))); ctr <- jk - rowMeans(jk)
both("jackknife-regress", c("x", "z"), coef(lm(y ~ x + z))[2:3], ((n - 1) / n * ctr %*% t(ctr))[2:3, 2:3])
jg <- sapply(unique(id), function(a) coef(lm(y ~ x, subset = id != a))); cc <- jg - rowMeans(jg)
show("jackknife-cluster", "_se[x]", sqrt(((G - 1) / G * cc %*% t(cc))[2, 2]))
jm <- sapply(1:n, function(a) mean(x[-a]^2) / mean(y[-a])); show("jackknife-ratio", "_se[_jk_1]", sqrt((n - 1) / n * sum((jm - mean(jm))^2)))
for (k in 1:3) show("statsby-groups", sprintf("_b_x[%d]", k), coef(lm(y ~ x, subset = t == k))[2])
for (k in 1:3) show("rolling-window", sprintf("_b_x[%d]", k), coef(lm(y ~ x, subset = i >= k & i < k + 20))[2])
