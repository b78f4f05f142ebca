# Published numbers of random-effects likelihoods, computed again from the data: xtlogit, xtprobit, xtpoisson, xtreg mle,
# mixed. Integrals by the trapezoidal rule on a fine grid, which knows nothing of quadrature.
# Usage: Rscript published_panel_likelihoods.R FOLDER, with union, ships, nlswork and productivity in FOLDER.
suppressMessages(library(haven))
folder <- commandArgs(TRUE)[1]
read <- function(name) as.data.frame(zap_labels(read_dta(file.path(folder, name))))
show <- function(name, values) cat(sprintf("%-26s", name), formatC(values, digits = 9, format = "g"), "\n")
hessian <- function(f, x, step) {
  k <- length(x); H <- matrix(0, k, k)
  once <- function(h) { for (i in 1:k) for (j in 1:i) { a <- replace(numeric(k), i, h[i]); b <- replace(numeric(k), j, h[j])
    H[i, j] <<- H[j, i] <<- (f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * h[i] * h[j]) }; H }
  (4 * once(step / 2) - once(step)) / 3
}
slope <- function(f, x, h) sapply(seq_along(x), function(i) { a <- replace(numeric(length(x)), i, h[i]); (8 * (f(x + a) - f(x - a)) - (f(x + 2 * a) - f(x - 2 * a))) / (12 * h[i]) })
maximise <- function(f, x, step) {
  for (i in 1:30) { d <- c(solve(hessian(f, x, step), slope(f, x, step))); x <- x - d; if (max(abs(d) / step) < 1e-7) break }
  list(b = x, V = solve(-hessian(f, x, step)), ll = f(x))
}
wald <- function(m, k) c(t(m$b[k]) %*% solve(m$V[k, k], m$b[k]))
report <- function(name, m) { show(paste(name, "ll"), m$ll); show(paste(name, "b"), m$b); show(paste(name, "se"), sqrt(diag(m$V))) }

# Ships: gamma effects in closed form (Hausman, Hall and Griliches 1984), normal effects on a grid.
d <- read("ships.dta"); d <- d[!is.na(d$accident) & !is.na(d$service) & d$service > 0, ]
y <- d$accident; X <- with(d, cbind(op_75_79, co_65_69, co_70_74, co_75_79, 1)); o <- log(d$service); g <- factor(d$ship)
gamma_ll <- function(p) {
  mu <- exp(c(X %*% p[1:5]) + o); t <- exp(-p[6]); L <- rowsum(mu, g); Y <- rowsum(y, g)
  sum(y * log(mu) - lgamma(y + 1)) + sum(lgamma(t + Y) - lgamma(t) + t * log(t) - (t + Y) * log(t + L))
}
pooled <- glm(y ~ X - 1 + offset(o), family = poisson(), epsilon = 1e-14); b <- coef(pooled); s <- sqrt(diag(vcov(pooled)))
m <- maximise(gamma_ll, c(b, -2.4), c(s, .5) / 10); report("ships gamma", m); l0 <- as.numeric(logLik(pooled))
show("ships gamma irr", exp(m$b[1:4])); show("ships gamma irr se", exp(m$b[1:4]) * sqrt(diag(m$V))[1:4]); se <- sqrt(diag(m$V)); z <- qnorm(.975)
show("ships gamma alpha", exp(m$b[6]) * c(1, se[6], exp(-z * se[6]), exp(z * se[6]))); show("ships gamma lnalpha", m$b[6] + c(-z, z) * se[6])
show("ships gamma irr limits", exp(m$b[1] + c(-z, z) * se[1])); show("ships gamma chi2 LR", c(wald(m, 1:4), 2 * (m$ll - l0)))
grid <- seq(-9, 9, by = .02)
normal_ll <- function(p) { eta <- c(X %*% p[1:5]) + o; q <- sapply(grid, function(u) { e <- eta + exp(p[6] / 2) * u; rowsum(y * e - exp(e) - lgamma(y + 1), g) })
  sum(log(exp(q) %*% dnorm(grid) * .02)) }
m <- maximise(normal_ll, c(b, -2.4), c(s, .5) / 10); report("ships normal", m)
show("ships normal irr", exp(m$b[1:4])); show("ships normal irr se", exp(m$b[1:4]) * sqrt(diag(m$V))[1:4]); show("ships normal LR", 2 * (m$ll - l0))

# Random-effects maximum likelihood in closed form.
d <- read("nlswork.dta"); d <- with(d, data.frame(id = idcode, y = ln_wage, grade, age, age2 = age^2, ttl_exp, ttl2 = ttl_exp^2, tenure, ten2 = tenure^2, black = as.numeric(race == 2), not_smsa, south, one = 1))
d <- d[complete.cases(d), ]; X <- as.matrix(d[, -(1:2)]); y <- d$y; g <- factor(d$id); n <- c(table(g)); N <- nrow(d)
S <- list(XX = crossprod(X), Xy = crossprod(X, y), yy = sum(y^2), Xi = rowsum(X, g), yi = c(rowsum(y, g)))
re_ll <- function(p) { b <- p[1:11]; u <- p[12]^2; e <- p[13]^2
  r2 <- S$yy - 2 * sum(b * S$Xy) + c(t(b) %*% S$XX %*% b); ri <- S$yi - c(S$Xi %*% b)
  -.5 * (r2 - sum(u / (n * u + e) * ri^2)) / e - .5 * sum(log(n * u / e + 1) + n * log(2 * pi * e)) }
f <- lm.fit(X, y); l0 <- -N / 2 * (log(2 * pi * sum(f$residuals^2) / N) + 1); s <- sqrt(diag(solve(S$XX)) * sum(f$residuals^2) / N)
m <- maximise(re_ll, c(f$coefficients, .2486, .2918), c(s, .003, .002)); report("nlswork mle", m); one <- function(p) re_ll(c(rep(0, 10), p))
c0 <- maximise(one, c(mean(y), .4, .3), c(.01, .005, .003)); show("nlswork mle ll_0 LR, LR of sigma_u", c(c0$ll, 2 * (m$ll - c0$ll), 2 * (m$ll - l0)))
r <- m$b[12]^2 / (m$b[12]^2 + m$b[13]^2); D <- c(2 * r * (1 - r) / m$b[12], -2 * r * (1 - r) / m$b[13]); show("nlswork mle rho se", c(r, sqrt(D %*% m$V[12:13, 12:13] %*% D)))

# Two nested intercepts: dense likelihood of each region; variances on the log scale, as [ME] mixed reports their errors.
d <- read("productivity.dta"); y <- d$gsp; X <- as.matrix(cbind(d[, c("private", "emp", "hwy", "water", "other", "unemp")], 1)); rows <- split(seq_len(nrow(d)), d$region)
parts <- function(p) { A <- 0; B <- 0; C <- 0; L <- 0
  for (k in rows) { V <- exp(p[1]) + exp(p[2]) * outer(d$state[k], d$state[k], "==") + exp(p[3]) * diag(length(k)); R <- chol(V)
    x <- backsolve(R, X[k, ], transpose = TRUE); q <- backsolve(R, y[k], transpose = TRUE); A <- A + crossprod(x); B <- B + crossprod(x, q); C <- C + sum(q^2); L <- L + 2 * sum(log(diag(R))) }
  list(A = A, B = B, C = C, L = L) }
mixed_ll <- function(p) { q <- parts(p); -.5 * (q$C - sum(q$B * solve(q$A, q$B)) + q$L + length(y) * log(2 * pi)) }
m <- maximise(mixed_ll, log(c(.00145, .0063, .00135)), c(.1, .05, .02)); q <- parts(m$b); v <- exp(m$b); se <- sqrt(diag(m$V)); l0 <- as.numeric(logLik(lm(y ~ X - 1)))
show("productivity ll LR", c(m$ll, 2 * (m$ll - l0))); show("productivity b", solve(q$A, q$B)); show("productivity se", sqrt(diag(solve(q$A))))
show("productivity variances", v); show("productivity variances se", v * se); show("productivity limits", c(v * exp(-z * se), v * exp(z * se)))

# Binary outcomes: the 12 points of Gauss and Hermite about each panel's posterior mean and spread, as [XT] xtlogit has it
# (here adapted until nothing moves), and the fine grid, from which the 12 points are still some way off. Posterior weights of the
# points give the gradient (Louis 1982), its differences the Hessian.
d <- read("union.dta"); y <- d$union; X <- with(d, cbind(age, grade, not_smsa, south, year, south * year, 1)); g <- match(d$idcode, unique(d$idcode)); G <- max(g)
J <- diag(0, 12); k <- 1:11; J[cbind(k, k + 1)] <- J[cbind(k + 1, k)] <- sqrt(k / 2); e <- eigen(J, symmetric = TRUE); node <- e$values; weight <- sqrt(pi) * e$vectors[1, ]^2
binary <- function(name, link, start, fine) {
  pooled <- glm.fit(X, y, family = binomial(link), control = list(epsilon = 1e-14)); centre <- colMeans(X)[1:6]; spread <- apply(X[, 1:6], 2, sd)
  Q <- cbind(sweep(sweep(X[, 1:6], 2, centre), 2, spread, "/"), 1); sign <- 2 * y - 1
  logp <- function(a) if (link == "logit") plogis(a, log.p = TRUE) else pnorm(a, log.p = TRUE)
  weigh <- function(p, U, logw) {
    eta <- c(Q %*% p[1:7]); t <- sapply(seq_len(ncol(U)), function(k) c(rowsum(logp(sign * (eta + exp(p[8] / 2) * U[g, k])), g, reorder = FALSE))) + logw
    top <- apply(t, 1, max); w <- exp(t - top); s <- rowSums(w); list(ll = sum(top + log(s)), w = w / s)
  }
  gradient <- function(p, U, logw) {
    w <- weigh(p, U, logw)$w; eta <- c(Q %*% p[1:7]); S <- 0; t <- 0
    for (k in seq_len(ncol(U))) { a <- sign * (eta + exp(p[8] / 2) * U[g, k]); r <- w[g, k] * sign * (if (link == "logit") plogis(-a) else exp(dnorm(a, log = TRUE) - pnorm(a, log.p = TRUE))); S <- S + r; t <- t + r * U[g, k] }
    c(crossprod(Q, S), sum(t) * exp(p[8] / 2) / 2)
  }
  points <- function(p) {
    if (fine) { u <- seq(-7, 7, by = .1); return(list(U = matrix(u, G, length(u), TRUE), logw = matrix(dnorm(u, log = TRUE) + log(.1), G, length(u), TRUE))) }
    mean <- numeric(G); sd <- rep(1, G)
    repeat {
      U <- mean + sqrt(2) * outer(sd, node); logw <- dnorm(U, log = TRUE) + log(sqrt(2) * sd) + rep(node^2 + log(weight), each = G); w <- weigh(p, U, logw)$w
      new <- rowSums(w * U); v <- sqrt(rowSums(w * (U - new)^2)); move <- max(abs(new - mean), abs(v - sd)); mean <- new; sd <- v; if (move < 1e-10) return(list(U = U, logw = logw))
    }
  }
  p <- start; p[7] <- start[7] + sum(start[1:6] * centre); p[1:6] <- start[1:6] * spread; h <- 1e-3
  for (i in 1:6) { q <- points(p); H <- sapply(1:8, function(j) { a <- replace(numeric(8), j, h); (gradient(p + a, q$U, q$logw) - gradient(p - a, q$U, q$logw)) / (2 * h) }); p <- p - solve((H + t(H)) / 2, gradient(p, q$U, q$logw)) }
  q <- points(p); ll <- weigh(p, q$U, q$logw)$ll
  J <- diag(8); diag(J)[1:6] <- 1 / spread; J[7, 1:6] <- -centre / spread; b <- c(J %*% p); V <- J %*% solve(-(H + t(H)) / 2) %*% t(J); su <- exp(b[8] / 2); e <- if (link == "logit") pi^2 / 3 else 1
  show(paste(name, "b"), b); show(paste(name, "se"), sqrt(diag(V))); show(paste(name, "ll su rho"), c(ll, su, su^2 / (su^2 + e))); show(paste(name, "chi2 LR"), c(wald(list(b = b, V = V), 1:6), 2 * ll + pooled$deviance))
}
for (fine in c(FALSE, TRUE)) for (link in c("logit", "probit"))
  binary(paste(link, if (fine) "grid" else "12"), link, if (link == "logit") c(.0157, .0871, -.25, -2.8, -.004, .024, -3.6, 1.75) else c(.0086, .048, -.14, -1.6, -.002, .013, -2, .61), fine)
