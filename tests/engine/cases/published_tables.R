# Published numbers of tables for epidemiologists, intraclass correlations and multinomial logits, computed again from the counts
# and the data: csi, cci, iri, ir, mcci, icc, mlogit with hausman and mlogtest, logit with fitstat.
# Usage: Rscript published_tables.R FOLDER, with sysdsn3, hsb2, dollhill3 and mus_docvis in FOLDER.
suppressMessages({library(haven); library(nnet)})
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 9, format = "g"), "\n")
z <- qnorm(.975)

# Cumulative incidence: exposed and unexposed cases, exposed and unexposed noncases.
csi <- function(name, a, b, c, d) {
  n1 <- a + c; n0 <- b + d; r1 <- a / n1; r0 <- b / n0; rr <- r1 / r0; l <- exp(log(rr) + c(-z, z) * sqrt((1 - r1) / a + (1 - r0) / b)); or <- a * d / (b * c)
  show(paste(name, "rd"), c(r1 - r0, r1 - r0 + c(-z, z) * sqrt(r1 * (1 - r1) / n1 + r0 * (1 - r0) / n0))); show(paste(name, "rr"), c(rr, l))
  show(paste(name, "afe afp"), c((rr - 1) / rr, 1 - 1 / l, (rr - 1) / rr * a / (a + b))); show(paste(name, "woolf"), c(or, exp(log(or) + c(-z, z) * sqrt(1 / a + 1 / b + 1 / c + 1 / d))))
  # Cornfield: the count of exposed cases whose distance from its expectation under the odds ratio is z standard errors.
  m1 <- a + b; cornfield <- function(s) { f <- function(x) s * (a - x) - z / sqrt(1 / x + 1 / (m1 - x) + 1 / (n1 - x) + 1 / (n0 - m1 + x)); e <- c(max(0, m1 - n0), min(m1, n1))
    x <- uniroot(f, if (s > 0) c(e[1] + 1e-9, a) else c(a, e[2] - 1e-9), tol = 1e-14)$root; x * (n0 - m1 + x) / ((m1 - x) * (n1 - x)) }
  show(paste(name, "cornfield"), c(cornfield(1), cornfield(-1))); t <- suppressWarnings(chisq.test(matrix(c(a, b, c, d), 2), correct = FALSE)); show(paste(name, "chi2"), c(t$statistic, t$p.value))
}
csi("csi 7 1 27 33", 7, 1, 27, 33); csi("csi 788 762 1393 1491", 788, 762, 1393, 1491); csi("cci 189 104 10845 10933", 189, 104, 10845, 10933)

# Incidence rates: exact limits from the binomial distribution of the exposed cases; mid-p values.
iri <- function(name, a, b, n1, n0) {
  p <- binom.test(a, a + b)$conf.int; l <- p / (1 - p) * n0 / n1; irr <- a / n1 / (b / n0); t <- n1 / (n1 + n0); d <- a / n1 - b / n0
  show(paste(name, "ird"), c(d, d + c(-z, z) * sqrt(a / n1^2 + b / n0^2))); show(paste(name, "irr"), c(irr, l)); show(paste(name, "pfe pfp"), c(1 - irr, 1 - rev(l), (1 - irr) * t))
  tail <- if (irr < 1) pbinom(a - 1, a + b, t) else pbinom(a, a + b, t, lower.tail = FALSE); q <- tail + dbinom(a, a + b, t) / 2; show(paste(name, "mid-p one two"), c(q, 2 * q))
}
iri("iri 30 60 54308 51477", 30, 60, 54308, 51477)
d <- read("dollhill3.dta"); e <- d[d$smokes == 1, ]; u <- d[d$smokes == 0, ]; e <- e[order(e$agecat), ]; u <- u[order(u$agecat), ]
iri("ir crude", sum(e$deaths), sum(u$deaths), sum(e$pyears), sum(u$pyears)); iri("ir age 1", e$deaths[1], u$deaths[1], e$pyears[1], u$pyears[1])
T <- e$pyears + u$pyears; M <- e$deaths + u$deaths; R <- e$deaths * u$pyears / T; S <- u$deaths * e$pyears / T; mh <- sum(R) / sum(S); v <- sum(M * e$pyears * u$pyears / T^2) / (sum(R) * sum(S))
show("ir M-H", c(mh, exp(log(mh) + c(-z, z) * sqrt(v)), S))
# Rothman and Greenland's homogeneity of the rate ratios about the pooled one, in logs by inverse variances and by expected counts.
p <- mh * e$pyears / (mh * e$pyears + u$pyears); show("ir homogeneity", c(sum((e$deaths - M * p)^2 / (M * p * (1 - p))), sum((log(R / S) - log(mh))^2 / (1 / e$deaths + 1 / u$deaths))))

mcci <- function(a, b, c, d) {
  n <- a + b + c + d; p1 <- (a + b) / n; p0 <- (a + c) / n; D <- p1 - p0; s <- sqrt((a + d) * (b + c) + 4 * b * c) / n^1.5; R <- p1 / p0; r <- log(R) + c(-z, z) * sqrt((b + c) / ((a + b) * (a + c)))
  show("mcci chi2 p exact", c((b - c)^2 / (b + c), pchisq((b - c)^2 / (b + c), 1, lower.tail = FALSE), binom.test(b, b + c)$p.value)); show("mcci cases controls D", c(p1, p0, D, D - z * s - 1 / n, D + z * s + 1 / n))
  show("mcci ratio", c(R, exp(r))); q <- binom.test(b, b + c)$conf.int; show("mcci odds ratio", c(b / c, q / (1 - q)))
  F <- (b - c) / (b + d); w <- sqrt((b + c + d) * (b * c + c * d + b * d) - b * c * d) / (b + d)^2; show("mcci relative difference", c(F, F + c(-z, z) * w))
}
mcci(84, 17, 3, 166)

# Intraclass correlations of Shrout and Fleiss (1979) from the mean squares; limits of McGraw and Wong (1996).
x <- matrix(c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7), 6, byrow = TRUE); n <- 6; k <- 4
msr <- k * var(rowMeans(x)); msc <- n * var(colMeans(x)); mse <- (sum((x - mean(x))^2) - (n - 1) * msr - (k - 1) * msc) / ((n - 1) * (k - 1)); msw <- sum((x - rowMeans(x))^2) / (n * (k - 1))
form <- function(F, df2) { l <- c(F / qf(.975, n - 1, df2), F * qf(.975, df2, n - 1)); c((l - 1) / (l + k - 1), 1 - 1 / l) }
show("icc one-way", c((msr - msw) / (msr + (k - 1) * msw), 1 - msw / msr, form(msr / msw, n * (k - 1)), msr / msw, pf(msr / msw, n - 1, n * (k - 1), lower.tail = FALSE)))
show("icc consistency", c((msr - mse) / (msr + (k - 1) * mse), 1 - mse / msr, form(msr / mse, (n - 1) * (k - 1)), msr / mse))
r <- (msr - mse) / (msr + (k - 1) * mse + k / n * (msc - mse)); a <- k * r / (n * (1 - r)); b <- 1 + k * r * (n - 1) / (n * (1 - r)); v <- (a * msc + b * mse)^2 / ((a * msc)^2 / (k - 1) + (b * mse)^2 / ((n - 1) * (k - 1)))
f1 <- qf(.975, n - 1, v); f2 <- qf(.975, v, n - 1); q <- k * msc + (k * n - k - n) * mse; low <- n * (msr - f1 * mse) / (f1 * q + n * msr); high <- n * (f2 * msr - mse) / (q + n * f2 * msr)
show("icc absolute", c(r, k * r / (1 + (k - 1) * r), low, high, k * c(low, high) / (1 + (k - 1) * c(low, high))))

# Hausman tests of the independence of irrelevant alternatives (insure: 1 Indemnity, 2 Prepaid, 3 Uninsure).
d <- read("sysdsn3.dta"); d <- d[complete.cases(d[, c("insure", "age", "male")]), ]
fit <- function(d) { y <- factor(d$insure); X <- cbind(d$age, d$male, 1); J <- levels(y)[-1]
  if (length(J) == 1) { m <- glm(y ~ age + male, binomial, d, epsilon = 1e-14); o <- c(2, 3, 1); b <- coef(m)[o]; V <- vcov(m)[o, o] } else {
    m <- multinom(y ~ age + male, d, trace = FALSE, reltol = 1e-15, maxit = 1000); b <- c(t(coef(m)[, c(2, 3, 1)])); X <- as.matrix(X)
    for (i in 1:5) { B <- cbind(0, matrix(b, 3)); P <- exp(X %*% B); P <- P / rowSums(P); P <- P[, -1]; Y <- outer(d$insure, as.numeric(J), "=="); g <- c(crossprod(X, Y - P)); H <- matrix(0, length(b), length(b))
      for (i in seq_along(J)) for (j in seq_along(J)) H[(i - 1) * 3 + 1:3, (j - 1) * 3 + 1:3] <- crossprod(X, X * (P[, i] * ((i == j) - P[, j]))); b <- b + solve(H, g) }
    V <- solve(H) }
  names <- paste(rep(J, each = 3), c("age", "male", "_cons")); list(b = setNames(b, names), V = matrix(V, length(b), dimnames = list(names, names))) }
all <- fit(d)
for (left in 2:3) { part <- fit(d[d$insure != left, ]); k <- names(part$b); q <- part$b - all$b[k]; c2 <- c(t(q) %*% solve(part$V - all$V[k, k], q)); show(paste("hausman without", left), c(c2, pchisq(c2, length(q), lower.tail = FALSE))) }
show("mlogit b", all$b); show("mlogit se", sqrt(diag(all$V)))

h <- read("hsb2.dta"); y <- as.numeric(h$math >= 54); m <- glm(y ~ write, binomial, h, epsilon = 1e-14); l <- as.numeric(logLik(m)); l0 <- as.numeric(logLik(glm(y ~ 1, binomial, epsilon = 1e-14))); n <- 200; p <- fitted(m)
v <- var(predict(m)) ; ml <- 1 - exp(2 * (l0 - l) / n); right <- mean((p > .5) == y); most <- max(mean(y), 1 - mean(y))
show("fitstat ll", c(l0, l, -2 * l, 2 * (l - l0))); show("fitstat r2", c(1 - l / l0, 1 - (l - 2) / l0, ml, ml / (1 - exp(2 * l0 / n)), v / (v + pi^2 / 3), 1 - sum((y - p)^2) / sum((y - mean(y))^2)))
show("fitstat rest", c(v + pi^2 / 3, pi^2 / 3, right, (right - most) / (1 - most), (-2 * l + 4) / n, -2 * l + 4, -2 * (l - l0) + log(n), coef(m)[2]))

# Models without regressors that keep the second equation: the comparison of the likelihood-ratio tests of gnbreg and betareg.
d <- read("mus_docvis.dta")[1:1500, ]
best <- function(f, start) { for (i in 1:5) start <- optim(start, f, method = "BFGS", control = list(fnscale = -1, reltol = 1e-16, maxit = 5000))$par; f(start) }
null <- best(function(b) sum(dnbinom(d$docvis, mu = exp(b[1]), size = exp(-b[2] - b[3] * d$actlim), log = TRUE)), c(1.5, 0, 0))
full <- best(function(b) sum(dnbinom(d$docvis, mu = exp(b[1] + b[4] * d$medicaid + b[5] * d$totchr), size = exp(-b[2] - b[3] * d$actlim), log = TRUE)), c(1.5, 0, 0, 0, 0))
show("gnbreg ll_0 ll LR", c(null, full, 2 * (full - null)))
n <- 1:200; x <- ((n * 37) %% 101) / 50 - 1; z <- ((n * 53) %% 97) / 48 - 1; y <- plogis(.3 + .5 * x + .8 * qnorm(((n * 71) %% 199 + .5) / 200))
beta <- function(mu, scale) sum(dbeta(y, mu * scale, (1 - mu) * scale, log = TRUE))
null <- best(function(b) beta(plogis(b[1]), exp(b[2] + b[3] * z)), c(0, 1, 0)); full <- best(function(b) beta(plogis(b[1] + b[4] * x), exp(b[2] + b[3] * z)), c(0, 1, 0, 0)); show("betareg ll_0 ll LR", c(null, full, 2 * (full - null)))
