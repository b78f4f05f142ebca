# Independent numbers of hetregress.toml, frontier.toml and boxcox.toml: the likelihoods written out, maximised
# with optim() and Newton steps; second derivatives by Richardson extrapolation. Base R only.
hessian <- function(f, x, h = 1e-3) {
  k <- length(x)
  once <- function(h) {
    H <- matrix(0, k, k); s <- h * pmax(abs(x), 1e-2)
    for (i in 1:k) for (j in 1:k) {
      a <- b <- numeric(k); a[i] <- s[i]; b[j] <- s[j]
      H[i, j] <- (f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * s[i] * s[j])
    }
    H
  }
  (4 * once(h / 2) - once(h)) / 3
}
gradient <- function(f, x, h = 1e-4) {
  sapply(seq_along(x), function(i) {
    s <- h * max(abs(x[i]), 1e-2); a <- numeric(length(x)); a[i] <- s
    (8 * (f(x + a) - f(x - a)) - (f(x + 2 * a) - f(x - 2 * a))) / (12 * s)
  })
}
maximise <- function(f, x) {
  x <- optim(x, function(p) -f(p), method = "BFGS", control = list(maxit = 2000, reltol = 1e-15))$par
  for (i in 1:5) x <- x - solve(hessian(f, x), gradient(f, x))
  list(b = x, se = sqrt(diag(solve(-hessian(f, x)))), ll = f(x))
}
show <- function(name, m) cat(name, "b", format(m$b, digits = 12), "se", format(m$se, digits = 12),
                              "ll", format(m$ll, digits = 12), "\n")
t <- 1:150
x <- (t * 37) %% 101 / 50
z <- (t * 53) %% 97 / 48
v <- .3 * qnorm(((t * 71) %% 149 + .5) / 149)
u <- .8 * abs(qnorm(((t * 29) %% 139 + .5) / 139))
y <- 1 + .5 * x + .3 * z + v - u
cost <- 1 + .5 * x + .3 * z + v + u

het <- function(p) sum(dnorm(y, p[1] * x + p[2], exp(.5 * (p[3] * z + p[4])), log = TRUE))
show("hetregress", maximise(het, c(.5, 1, 0, -1)))
hn <- function(y, s) function(p) {
  e <- y - p[1] * x - p[2] * z - p[3]; sv <- exp(p[4] / 2); su <- exp(p[5] / 2); S <- sqrt(sv^2 + su^2)
  sum(.5 * log(2 / pi) - log(S) - e^2 / (2 * S^2) + pnorm(-s * e * su / sv / S, log.p = TRUE))
}
m <- maximise(hn(y, 1), c(.5, .3, 1, -2, -.5)); show("hnormal", m)
e <- y - m$b[1] * x - m$b[2] * z - m$b[3]; v2 <- exp(m$b[4]); u2 <- exp(m$b[5])
mu <- -e * u2 / (u2 + v2); s <- sqrt(u2 * v2 / (u2 + v2))
cat("mean u", format(mean(mu + s * dnorm(mu / s) / pnorm(mu / s)), digits = 12),
    "mean te", format(mean((1 - pnorm(s - mu / s)) / (1 - pnorm(-mu / s)) * exp(-mu + s^2 / 2)), digits = 12), "\n")
ex <- function(y, s) function(p) {
  e <- s * (y - p[1] * x - p[2] * z - p[3]); sv <- exp(p[4] / 2); su <- exp(p[5] / 2)
  sum(-log(su) + sv^2 / (2 * su^2) + e / su + pnorm(-e / sv - sv / su, log.p = TRUE))
}
show("exponential cost", maximise(ex(cost, -1), c(.5, .3, 1, -2, -1.7)))
uh <- function(p) {
  e <- y - p[1] * x - p[2]; sv <- exp(p[3] / 2); su <- exp((p[4] * z + p[5]) / 2); S <- sqrt(sv^2 + su^2)
  sum(.5 * log(2 / pi) - log(S) - e^2 / (2 * S^2) + pnorm(-e * su / sv / S, log.p = TRUE))
}
show("uhet", maximise(uh, c(.5, 1.2, -2, -.4, -.1)))

# Box-Cox models with the regressors and the variance concentrated out.
bc <- function(a, l) if (abs(l) < 1e-10) log(a) else (a^l - 1) / l
Y <- exp(.6 + .5 * x + .2 * z + v); A <- 1 + x; B <- z
n <- length(Y)
profile <- function(ty, tx, jac) { r <- lm.fit(cbind(tx, B, 1), ty)$residuals; -n / 2 * (log(2 * pi) + 1 + log(mean(r^2))) + jac }
lhs <- function(p) profile(bc(Y, p), A, (p - 1) * sum(log(Y)))
rhs <- function(p) profile(Y, bc(A, p), 0)
lam <- function(p) profile(bc(Y, p), bc(A, p), (p - 1) * sum(log(Y)))
the <- function(p) profile(bc(Y, p[2]), bc(A, p[1]), (p[2] - 1) * sum(log(Y)))
show("lhsonly", maximise(lhs, .1)); show("rhsonly", maximise(rhs, .8)); show("lambda", maximise(lam, .3))
show("theta", maximise(the, c(.8, .1)))
for (p in c(-1, 0, 1)) cat("lhs at", p, format(lhs(p), digits = 12), "\n")
