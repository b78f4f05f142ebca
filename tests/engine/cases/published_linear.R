# Published numbers of linear models, transformations and multivariate statistics, computed again from the data (and those of
# layouts_linear.toml):
# eivreg, mvreg, linktest, boxcox, rreg, pca, ladder, fp, estat dwatson/durbinalt/archlm, esize, bitesti, margins.
# Usage: Rscript published_linear.R FOLDER, with the published datasets (auto, hsb2, lbw, margex) in FOLDER.
suppressMessages(library(haven))
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 9, format = "g"), "\n")
auto <- read("auto.dta")

# eivreg: A = X'X - N diag((1 - r) s^2), s^2 with divisor N; b = A^-1 X'y; V = s^2 A^-1 X'X A^-1; rss y'y - b'A b ([R] eivreg).
X <- with(auto, cbind(weight, foreign, mpg, 1)); y <- auto$price; k <- 1:3
A <- crossprod(X) - diag(c((1 - c(.85, 1, .9)) * apply(X[, k], 2, function(x) sum((x - mean(x))^2)), 0))
b <- solve(A, crossprod(X, y)); rss <- sum(y^2) - c(t(b) %*% A %*% b); V <- rss / 70 * solve(A) %*% crossprod(X) %*% solve(A)
show("eivreg b", b); show("eivreg se", sqrt(diag(V)))
show("eivreg F R2", c(t(b[k]) %*% solve(V[k, k], b[k]) / 3, 1 - rss / sum((y - mean(y))^2)))
show("eivreg weight", c(b[1] / sqrt(V[1, 1]), b[1] + c(-1, 1) * qt(.975, 70) * sqrt(V[1, 1])))

# mvreg: equation by equation; Breusch-Pagan test of independence N sum of squared correlations of the residuals.
fits <- lm(cbind(headroom, trunk, turn) ~ price + mpg + displacement + gear_ratio + length + weight, auto)
for (s in summary(fits)) {
  show("mvreg rmse R2 F P", c(s$sigma, s$r.squared, s$fstatistic[1], pf(s$fstatistic[1], 6, 67, lower.tail = FALSE)))
  show("mvreg b", s$coefficients[, 1]); show("mvreg se", s$coefficients[, 2])
}
show("mvreg length of trunk", confint(fits)["trunk:length", ])
R <- cor(resid(fits)); bp <- 74 * sum(R[lower.tri(R)]^2); show("mvreg Breusch-Pagan", c(bp, pchisq(bp, 3, lower.tail = FALSE)))

h <- fitted(lm(mpg ~ weight + displacement + foreign, auto)); s <- summary(lm(mpg ~ h + I(h^2), auto))$coefficients
show("linktest b", s[, 1]); show("linktest se", s[, 2]); show("linktest t p", s[3, 3:4])
show("linktest limits", s[3, 1] + c(-1, 1) * qt(.975, 71) * s[3, 2])

# Box-Cox: concentrated normal log likelihood with the Jacobian of the left-hand side.
bc <- function(x, l) if (abs(l) < 1e-10) log(x) else (x^l - 1) / l
ll <- function(y, X, theta) {
  n <- length(y); v <- sum(lm.fit(X, bc(y, theta))$residuals^2) / n
  -n / 2 * (log(2 * pi) + 1 + log(v)) + (theta - 1) * sum(log(y))
}
best <- function(f, start) {
  b <- optim(start, f, method = "Nelder-Mead", control = list(fnscale = -1, reltol = 1e-16, maxit = 20000))$par
  optim(b, f, method = "BFGS", control = list(fnscale = -1, reltol = 1e-16, maxit = 1000, ndeps = rep(1e-5, length(b))))
}
columns <- function(p) with(auto, cbind(bc(weight, p[1]), bc(price, p[1]), foreign, 1))
f <- function(p, drop = NULL) ll(auto$mpg, columns(p)[, setdiff(1:4, drop)], p[2])
m <- best(f, c(.5, -.5)); show("boxcox theta: l t ll", c(m$par, m$value)); r <- lm.fit(columns(m$par), bc(auto$mpg, m$par[2]))
show("boxcox theta: b sigma", c(r$coefficients, sqrt(mean(r$residuals^2))))
for (j in 1:3) show(paste("boxcox theta: without", j), 2 * (m$value - best(function(p) f(p, j), m$par)$value))
g <- function(t, X) sapply(t, function(t) ll(auto$mpg, X, t))
null <- optimize(g, c(-3, 3), X = matrix(1, 74, 1), maximum = TRUE, tol = 1e-12)
show("boxcox constant: t ll LR", c(null$maximum, null$objective, 2 * (m$value - null$objective)))
# LR tests at the same value of both parameters: -1, 0, 1.
for (v in c(-1, 0, 1)) show(paste("boxcox theta=lambda=", v), c(f(c(v, v)), 2 * (m$value - f(c(v, v)))))
without <- optimize(g, c(-3, 3), X = with(auto, cbind(1, weight)), maximum = TRUE, tol = 1e-12)
full <- optimize(g, c(-3, 3), X = with(auto, cbind(1, weight, price)), maximum = TRUE, tol = 1e-12)
X <- with(auto, cbind(1, weight, price)); show("boxcox price", c(lm.fit(X, bc(auto$mpg, full$maximum))$coefficients, 2 * (full$objective - without$objective)))
effort <- data.frame(
  setting = c(46, 74, 89, 77, 84, 89, 68, 70, 60, 55, 35, 51, 87, 83, 68, 84, 74, 73, 84, 91),
  effort = c(0, 0, 16, 16, 21, 15, 14, 6, 13, 9, 3, 7, 23, 4, 0, 19, 3, 0, 15, 7),
  change = c(1, 10, 29, 25, 29, 40, 21, 0, 13, 4, 0, 7, 21, 9, 7, 22, 6, 2, 29, 11))
X <- with(effort, cbind(setting, effort >= 5 & effort <= 14, effort >= 15, 1)); y <- effort$change + .5
m <- optimize(g <- function(t) ll(y, X, t), c(-2, 3), maximum = TRUE, tol = 1e-12)
o <- optimize(function(t) ll(y, X[, 4, drop = FALSE], t), c(-2, 3), maximum = TRUE, tol = 1e-12)
r <- lm.fit(X, bc(y, m$maximum)); d <- 1e-3
show("boxcox effort", c(m$maximum, 1 / sqrt(-(g(m$maximum + d) - 2 * g(m$maximum) + g(m$maximum - d)) / d^2), m$objective, 2 * (m$objective - o$objective)))
show("boxcox effort b sigma", c(r$coefficients, sqrt(mean(r$residuals^2))))

# rreg: Cook's distance above 1 screens; Huber weights with a limit of twice the median absolute deviation M until no weight
# moves by .05, then Tukey's biweights with limit 4.685 M/.6745 until none moves by .01. Standard errors from the pseudovalues
# of Street, Carroll and Ruppert (1988); their correction counts the observations of positive weight.
rreg <- function(name, y, X) {
  keep <- cooks.distance(lm(y ~ X)) <= 1; y <- y[keep]; X <- X[keep, ]; w <- rep(1, length(y)); fit <- lm(y ~ X)
  for (stage in c("huber", "biweight")) repeat {
    e <- y - cbind(1, X) %*% coef(fit); M <- median(abs(e - median(e))); cut <- 4.685 * M / .6745; u <- e / cut
    new <- if (stage == "huber") pmin(1, 2 * M / abs(e)) else ifelse(abs(u) < 1, (1 - u^2)^2, 0)
    change <- max(abs(new - w)); w <- c(new); fit <- lm(y ~ X, weights = w); show(paste(name, stage), change)
    if (change < ifelse(stage == "huber", .05, .01)) break
  }
  e <- y - cbind(1, X) %*% coef(fit); u <- e / cut; p <- ncol(X) + 1
  m <- mean(ifelse(abs(u) < 1, (1 - u^2) * (1 - 5 * u^2), 0)); lambda <- 1 + p / sum(w > 0) * (1 - m) / m
  v <- y - e + lambda / m * w * e; q <- summary(lm(v ~ X))
  show(paste(name, "b"), q$coefficients[, 1]); show(paste(name, "se"), q$coefficients[, 2]); show(paste(name, "F"), q$fstatistic)
  show(paste(name, "limits"), confint(lm(v ~ X)))
}
with(datasets::stackloss, rreg("rreg stackloss", stack.loss, cbind(Air.Flow, Water.Temp, Acid.Conc.)))
with(auto, rreg("rreg auto", mpg, cbind(weight, foreign)))
e <- eigen(cor(na.omit(auto[, c("price", "mpg", "rep78", "headroom", "weight", "length", "displacement", "foreign")])))$values
show("pca eigenvalues", e); show("pca shares", cumsum(e) / 8)

# ladder: the skewness and kurtosis test with its chi-squared of two degrees of freedom (D'Agostino, Belanger and D'Agostino
# 1990), without Royston's adjustment.
sk <- function(x) {
  n <- length(x); m <- function(k) mean((x - mean(x))^k); g1 <- m(3) / m(2)^1.5; b2 <- m(4) / m(2)^2
  Y <- g1 * sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
  B <- 3 * (n^2 + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9)); W2 <- -1 + sqrt(2 * (B - 1))
  Z1 <- 1 / sqrt(log(sqrt(W2))) * log(Y / sqrt(2 / (W2 - 1)) + sqrt((Y / sqrt(2 / (W2 - 1)))^2 + 1))
  E <- 3 * (n - 1) / (n + 1); V <- 24 * n * (n - 2) * (n - 3) / ((n + 1)^2 * (n + 3) * (n + 5)); X <- (b2 - E) / sqrt(V)
  S <- 6 * (n^2 - 5 * n + 2) / ((n + 7) * (n + 9)) * sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
  A <- 6 + 8 / S * (2 / S + sqrt(1 + 4 / S^2))
  Z2 <- (1 - 2 / (9 * A) - ((1 - 2 / A) / (1 + X * sqrt(2 / (A - 4))))^(1 / 3)) / sqrt(2 / (9 * A))
  raw <- Z1^2 + Z2^2
  # Royston (1991): the p-value is corrected for the correlation of the two tests.
  Zc <- -qnorm(exp(-raw / 2)); logn <- log(n)
  cut <- .55 * n^.2 - .21; a1 <- (-5 + 3.46 * logn) * exp(-1.37 * logn); b1 <- 1 + (.854 - .148 * logn) * exp(-.55 * logn)
  b2m <- 2.13 / (1 - 2.37 * logn); a2 <- a1 - b2m * cut; b2r <- b2m + b1
  Z <- if (Zc < -1) Zc else if (Zc < cut) a1 + b1 * Zc else a2 + b2r * Zc
  P <- 1 - pnorm(Z); c(raw, -2 * log(P), P, exp(-raw / 2))
}
for (f in c("x^3", "x^2", "x", "sqrt(x)", "log(x)", "1/sqrt(x)", "1/x", "1/x^2", "1/x^3")) show(paste("ladder", f), sk(with(list(x = auto$mpg), eval(parse(text = f)))))

# fp: the best powers of degree 2 among the 44 models.
lbw <- read("lbw.dta"); pw <- c(-2, -1, -.5, 0, .5, 1, 2, 3); tf <- function(x, p) if (p == 0) log(x) else x^p
one <- sapply(pw, function(p) deviance(lm(bwt ~ tf(age, p), lbw))); n <- nrow(lbw)
two <- outer(seq_along(pw), seq_along(pw), Vectorize(function(i, j) {
  a <- tf(lbw$age, pw[i]); b <- if (i == j) a * log(lbw$age) else tf(lbw$age, pw[j]); deviance(lm(bwt ~ a + b, lbw)) }))
dev <- function(rss) n * (1 + log(2 * pi * rss / n))
rss <- c(deviance(lm(bwt ~ 1, lbw)), deviance(lm(bwt ~ age, lbw)), min(one), min(two))
show("fp deviances", dev(rss)); show("fp differences", dev(rss) - dev(min(two))); show("fp s.d.", sqrt(rss / (n - c(1, 2, 2, 3))))
show("fp best powers", c(pw[which.min(one)], pw[which(two == min(two), arr.ind = TRUE)[1, ]]))

klein <- data.frame(
  c = c(39.8, 41.9, 45, 49.2, 50.6, 52.6, 55.1, 56.2, 57.3, 57.8, 55, 50.9, 45.6, 46.5, 48.7, 51.3, 57.7, 58.7, 57.5, 61.6, 65, 69.7),
  g = c(2.2, 2.7, 2.9, 2.9, 3.1, 3.2, 3.3, 3.6, 3.7, 4, 4.2, 4.8, 5.3, 5.6, 6, 6.1, 7.4, 6.7, 7.7, 7.8, 8, 8.5))
e <- resid(lm(c ~ g, klein)); show("dwatson", sum(diff(e)^2) / sum(e^2)); l1 <- c(0, e[-22])
aux <- function(l, d) summary(lm(e ~ l + klein$g, subset = d))$coefficients["l", 3]^2
l1 <- c(NA, e[-22]); show("durbinalt lag missing, lag 0", c(summary(lm(e ~ l1 + klein$g))$coefficients[2, 3]^2, summary(lm(e ~ c(0, e[-22]) + klein$g))$coefficients[2, 3]^2))
for (p in 1:3) { E <- embed(e^2, p + 1); s <- summary(lm(E[, 1] ~ E[, -1])); show(paste("archlm", p), c(nrow(E) * s$r.squared, pchisq(nrow(E) * s$r.squared, p, lower.tail = FALSE))) }

hsb <- read("hsb2.dta"); x <- hsb$science[hsb$female == 0]; z <- hsb$science[hsb$female == 1]; n <- c(length(x), length(z))
sp <- sqrt((var(x) * (n[1] - 1) + var(z) * (n[2] - 1)) / (sum(n) - 2)); d <- (mean(x) - mean(z)) / sp; t <- d / sqrt(sum(1 / n))
delta <- sapply(c(.975, .025), function(q) uniroot(function(k) pt(t, sum(n) - 2, k) - q, c(-10, 10), tol = 1e-12)$root)
show("esize d limits n", c(d, delta * sqrt(sum(1 / n)), n))
show("bitesti 10 3 .8", c(pbinom(2, 10, .8, lower.tail = FALSE), pbinom(3, 10, .8), binom.test(3, 10, .8)$p.value))
mg <- read("margex.dta"); f <- lm(y ~ factor(sex) + factor(group), mg); s <- summary(f)$coefficients[2, ]
show("margins r.sex", c(s[1:2], confint(f)[2, ], f$df.residual))
for (g in list(price ~ weight + mpg, price ~ weight + mpg + foreign)) {
  s <- summary(lm(g, auto)); show("auto regress b", s$coefficients[, 1]); show("auto regress se", s$coefficients[, 2]); show("auto regress r2 r2_a", c(s$r.squared, s$adj.r.squared))
}
p <- c(3, 3); a <- lbw$age^3; s <- summary(lm(bwt ~ a + I(a * log(age)), lbw))$coefficients; show("fp lbw b se", c(s[2:3, 1:2])); a <- (lbw$age / 10)^3; show("fp lbw scaled", c(summary(lm(bwt ~ a + I(a * log(age / 10)), lbw))$coefficients[2:3, 1:2]))

# scobit: Pr(y = 1) = 1 - (1 + exp(xb))^-alpha.
f <- function(b) { t <- exp(b[3]) * log1p(exp(b[1] * auto$mpg + b[2])); sum(ifelse(auto$foreign == 1, log1p(-exp(-t)), -t)) }
m <- glm(foreign ~ mpg, binomial, auto, epsilon = 1e-14); b <- c(coef(m)[2:1], 0); for (i in 1:8) b <- optim(b, f, method = "BFGS", control = list(fnscale = -1, reltol = 1e-16, maxit = 2000, parscale = c(.1, 1, 1)))$par
show("scobit b ll LR", c(b, f(b), 2 * (f(b) - as.numeric(logLik(m)))))
for (v in c("price", "mpg")) show(paste("auto t test of", v), t.test(auto[[v]] ~ auto$foreign, var.equal = TRUE)$p.value)

# The instrumental variables of layouts_linear.toml: first stage, overidentification, endogeneity.
y <- auto$price; n <- 74; W <- cbind(auto$foreign, 1); X <- cbind(auto$mpg, W); Z <- cbind(auto$weight, auto$length, W)
P <- function(Z, v) Z %*% solve(crossprod(Z), crossprod(Z, v)); b <- solve(crossprod(P(Z, X), X), crossprod(P(Z, X), y)); e <- c(y - X %*% b); rz <- sum(P(Z, e)^2)
f1 <- lm(mpg ~ foreign, auto); f2 <- lm(mpg ~ foreign + weight + length, auto); show("auto 2sls first-stage F", anova(f1, f2)$F[2])
s <- n * rz / sum(e^2); show("auto 2sls Sargan Basmann", c(s, s * (n - 4) / (n - s)))
# Durbin: the loss of the residual sum of squares by the first stage's residuals, over that of least squares, times N.
c0 <- lm.fit(X, y)$residuals; c1 <- lm.fit(cbind(X, resid(f2)), y)$residuals; show("auto 2sls Durbin", n * (sum(c0^2) - sum(c1^2)) / sum(c0^2))
