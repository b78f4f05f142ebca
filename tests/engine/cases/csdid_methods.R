# csdid and drdid with the other estimators, weights, clusters, long gaps and repeated cross sections, with base R.
# Effects follow their definitions (odds of treatment by glm() or by solving the balancing equations with optim() and
# Newton steps, least squares by lm.wfit()); the influence of an observation is the numerical derivative of the estimate
# by its weight. Only for the improved estimator of cross sections the influence function is that of Sant'Anna and Zhao
# (2020), remark 5, in which the estimation of the nuisances has no part.
i <- 1:240
d <- data.frame(id = ceiling(i / 6), t = (i - 1) %% 6 + 2001)
d$g <- ifelse(d$id <= 12, 0, ifelse(d$id <= 22, 2003, ifelse(d$id <= 33, 2004, 2006)))
d$x <- ((d$id * 7) %% 13) / 5
d$z <- ((d$id * 11) %% 17) / 7
d$y <- d$id / 9 + (d$t - 2001)^2 / 10 + 0.2 * d$x * (d$t - 2001) +
  (d$g > 0 & d$t >= d$g) * (1 + 0.3 * (d$t - d$g)) + ((i * i * 3 + i * 5) %% 37) / 12
d$p <- 1 + d$id %% 4
d$cl <- d$id %% 9
odds_of <- function(D, X, v, method) {
  fit <- suppressWarnings(glm.fit(X, D, weights = v, family = binomial(), control = list(epsilon = 1e-15, maxit = 100)))
  if (method != "drimp") return(fit$fitted.values / (1 - fit$fitted.values))
  b <- fit$coefficients
  for (k in 1:60) {
    o <- v * (1 - D) * exp(drop(X %*% b))
    b <- b + solve(crossprod(X * o, X), drop(crossprod(X, v * D - o)))
  }
  exp(drop(X %*% b))
}
fitted_by <- function(X, y, v) drop(X %*% lm.wfit(X[v > 0, , drop = FALSE], y[v > 0], v[v > 0])$coefficients)
mean_by <- function(y, v) sum(y * v) / sum(v)
panel <- function(dy, D, X, v, method) {
  if (method == "reg") return(mean_by(dy - fitted_by(X, dy, v * (1 - D)), v * D))
  o <- odds_of(D, X, v, method); u <- v * o * (1 - D)
  if (method == "stdipw") return(mean_by(dy, v * D) - mean_by(dy, u))
  if (method == "ipw") return(sum((v * D - u) * dy) / sum(v * D))
  left <- dy - fitted_by(X, dy, if (method %in% c("drimp", "sipwra")) u else v * (1 - D))
  if (method == "sipwra") return(mean_by(left, v * D))
  mean_by(left, v * D) - mean_by(left, u)
}
sections <- function(y, D, post, X, v, method, influence = FALSE) {
  if (method != "reg") o <- odds_of(D, X, v, method)
  total <- 0; psi <- 0; n <- length(y)
  part <- function(y, v) v * (y - mean_by(y, v)) / mean(v)
  for (s in 0:1) {
    q <- as.numeric(post == s); sign <- 2 * s - 1
    if (method == "reg") {
      total <- total + sign * (mean_by(y, v * D * q) - mean_by(fitted_by(X, y, v * (1 - D) * q), v * D))
    } else if (method == "stdipw") {
      total <- total + sign * (mean_by(y, v * D * q) - mean_by(y, v * o * (1 - D) * q))
    } else {
      c0 <- fitted_by(X, y, (if (method == "drimp") o else 1) * v * (1 - D) * q)
      t1 <- fitted_by(X, y, v * D * q); left <- y - c0
      total <- total + sign * (mean_by(left, v * D * q) - mean_by(left, v * o * (1 - D) * q) +
        mean_by(t1 - c0, v * D) - mean_by(t1 - c0, v * D * q))
      psi <- psi + sign * (part(left, v * D * q) - part(left, v * o * (1 - D) * q) + part(t1 - c0, v * D) -
        part(t1 - c0, v * D * q))
    }
  }
  if (influence) psi else total
}
show <- function(name, value, psi, cluster = NULL) {
  if (!is.null(cluster)) psi <- t(rowsum(t(psi), cluster))
  cat(sprintf('"_b[%s]" = %.10g, "_se[%s]" = %.10g', name, value, name, sqrt(rowSums(psi^2))), sep = ", ")
  cat("\n")
}
derivative <- function(f, w, h = 1e-5) sapply(seq_along(w), function(k) {
  up <- w; up[k] <- w[k] * (1 + h); down <- w; down[k] <- w[k] * (1 - h)
  (f(up) - f(down)) / (2 * h)
})
Y <- matrix(d$y, ncol = 6, byrow = TRUE)
u <- d[d$t == 2001, ]
cells <- do.call(rbind, lapply(c(2003, 2004, 2006), function(g) cbind(g, pmin(2002:2006, g) - 1, 2002:2006)))
long <- do.call(rbind, lapply(c(2003, 2004, 2006), function(g) cbind(g, g - 1, setdiff(2001:2006, g - 1))))
names_of <- function(cells) sprintf("g%d:t_%d_%d", cells[, 1], cells[, 2], cells[, 3])
panel_cells <- function(w, method, grid, covariates = TRUE) apply(grid, 1, function(r) {
  use <- u$g %in% c(0, r[1])
  X <- if (covariates) cbind(1, u$x, u$z)[use, ] else matrix(1, sum(use), 1)
  panel((Y[, r[3] - 2000] - Y[, r[2] - 2000])[use], as.numeric(u$g[use] == r[1]), X, w[use], method)
})
simple <- function(b, grid, w, g) {
  share <- sapply(grid[, 1], function(k) sum(w[g == k])); after <- grid[, 3] >= grid[, 1]
  sum((b * share)[after]) / sum(share[after])
}
run_panel <- function(title, method, w = rep(1, 40), grid = cells, cluster = NULL, covariates = TRUE) {
  cat("\n", title, "\n", sep = "")
  f <- function(w) { b <- panel_cells(w, method, grid, covariates); c(b, simple(b, grid, w, u$g)) }
  show(c(names_of(grid), "ATT"), f(w), derivative(f, w), cluster)
}
run_panel("drimp", "drimp")
run_panel("stdipw", "stdipw")
run_panel("ipw", "ipw")
run_panel("dripw weights", "dripw", u$p)
run_panel("drimp weights", "drimp", u$p)
run_panel("reg cluster", "reg", cluster = u$cl)
run_panel("long2", "dripw", grid = long)
run_panel("long2 means", "reg", grid = long, covariates = FALSE)
section_cells <- function(w, method, covariates = TRUE) apply(cells, 1, function(r) {
  use <- d$g %in% c(0, r[1]) & d$t %in% r[2:3]
  X <- if (covariates) cbind(1, d$x, d$z)[use, ] else matrix(1, sum(use), 1)
  sections(d$y[use], as.numeric(d$g[use] == r[1]), as.numeric(d$t[use] == r[3]), X, w[use], method)
})
run_sections <- function(title, method, w = rep(1, 240), cluster = NULL, covariates = TRUE) {
  cat("\n", title, "\n", sep = "")
  f <- function(w) section_cells(w, method, covariates)
  if (method != "drimp") return(show(names_of(cells), f(w), derivative(f, w), cluster))
  psi <- t(apply(cells, 1, function(r) {
    use <- d$g %in% c(0, r[1]) & d$t %in% r[2:3]; one <- numeric(240)
    one[use] <- sections(d$y[use], as.numeric(d$g[use] == r[1]), as.numeric(d$t[use] == r[3]),
      cbind(1, d$x, d$z)[use, ], w[use], method, TRUE) / sum(use)
    one
  }))
  show(names_of(cells), f(w), psi, cluster)
}
run_sections("sections reg", "reg")
run_sections("sections means", "reg", covariates = FALSE)
run_sections("sections stdipw", "stdipw")
run_sections("sections dripw", "dripw")
run_sections("sections drimp", "drimp")
run_sections("sections dripw weights cluster", "dripw", d$p, d$id)
# drdid: 2002 and 2003 of the groups 0 and 2003
two <- function(w, method) panel_cells(w, method, cells[2, , drop = FALSE])
cat("\ndrdid\n")
for (m in c("drimp", "dripw", "reg", "stdipw", "ipw", "sipwra")) {
  show(m, two(rep(1, 40), m), t(derivative(function(w) two(w, m), rep(1, 40))))
}
