# Reference numbers of stepwise.toml: Rscript stepwise.R, run in this folder. Base R only.
# Each step is one lm() or glm(); terms are compared by their Wald tests.
i <- 1:150 - 1
g <- function(a, m) (i * a) %% m / (m / 2) - 1
d <- data.frame(x1 = g(37, 101), x2 = g(53, 97), x3 = g(71, 89), x4 = g(29, 83), x5 = g(41, 79), u = g(61, 103), v = g(17, 73))
d$x6 <- d$x1 + 0.5 * d$u
d$y <- 1 + 0.6 * d$x1 - 0.25 * d$x3 + 0.15 * d$x4 + 0.8 * d$u + 0.5 * d$v
d$b <- as.numeric(d$x1 - 0.7 * d$x2 + 0.4 * d$x5 + 1.5 * d$u + d$v > 0)
data <- paste(c("set obs 150", sprintf("generate double %s = mod((_n-1)*%d, %d)/%g - 1", c("x1", "x2", "x3", "x4", "x5", "u", "v"),
  c(37, 53, 71, 29, 41, 61, 17), c(101, 97, 89, 83, 79, 103, 73), c(101, 97, 89, 83, 79, 103, 73) / 2),
  "generate double x6 = x1 + 0.5*u", "generate double y = 1 + 0.6*x1 - 0.25*x3 + 0.15*x4 + 0.8*u + 0.5*v",
  "generate b = x1 - 0.7*x2 + 0.4*x5 + 1.5*u + v > 0"), collapse = "\n")
estimate <- function(kind, terms) {
  f <- reformulate(c("1", unlist(terms)), if (kind == "regress") "y" else "b")
  if (kind == "regress") lm(f, d)
  else glm(f, binomial(if (kind == "logit") "logit" else "probit"), d, control = glm.control(epsilon = 1e-14, maxit = 100))
}
# The observed-information covariance, which Stata reports; for probit it differs from the expected one of vcov().
variance <- function(m, kind) {
  if (kind != "probit") return(vcov(m))
  X <- model.matrix(m); s <- 2 * d$b - 1; e <- drop(X %*% coef(m)); l <- s * dnorm(e) / pnorm(s * e)
  solve(crossprod(X * (l * (l + e)), X))
}
p_of <- function(kind, terms, term) {
  m <- estimate(kind, terms); b <- coef(m)[term]; W <- drop(b %*% solve(variance(m, kind)[term, term], b))
  if (kind == "regress") pf(W / length(term), length(term), df.residual(m), lower.tail = FALSE) else pchisq(W, length(term), lower.tail = FALSE)
}
search <- function(kind, all, pr = NA, pe = NA, forward = FALSE, lock = FALSE) {
  now <- if (forward) (if (lock) all[1] else list()) else all
  remove <- function() {
    open <- if (lock) now[!(now %in% all[1])] else now
    if (is.na(pr) || !length(open)) return(FALSE)
    p <- sapply(open, function(t) p_of(kind, now, t)); if (max(p) < pr) return(FALSE)
    now <<- now[!(now %in% open[which.max(p)])]; TRUE
  }
  add <- function() {
    out <- all[!(all %in% now)]; if (is.na(pe) || !length(out)) return(FALSE)
    p <- sapply(out, function(t) p_of(kind, c(now, list(t)), t)); if (min(p) >= pe) return(FALSE)
    now <<- c(now, out[which.min(p)]); TRUE
  }
  lead <- if (forward) add else remove; other <- if (forward) remove else add
  if (lead() && lead()) repeat { moved <- other(); if (!lead() && !moved) break }
  now
}
out <- file("stepwise.toml", "w"); cat('command = "stepwise"\n', file = out)
emit <- function(id, kind, all, options, ...) {
  now <- search(kind, all, ...); m <- estimate(kind, now); V <- variance(m, kind); names <- c(unlist(now), "_cons")
  b <- coef(m)[c(unlist(now), "(Intercept)")]; se <- sqrt(diag(V))[match(names(b), names(coef(m)))]
  values <- c(setNames(b, sprintf("_b[%s]", names)), setNames(se, sprintf("_se[%s]", names)), "e(N)" = 150, "e(df_m)" = length(names) - 1)
  typed <- paste(sapply(all, function(t) if (length(t) > 1) sprintf("(%s)", paste(t, collapse = " ")) else t), collapse = " ")
  cat(sprintf('\n[[case]]\nid = "%s"\nsource = "R: stepwise.R"\ndo = \'\'\'\n%s\nstepwise, %s: %s %s %s\n\'\'\'\nvalue = { %s }\nrtol = 1e-6\n', id, data,
    options, kind, if (kind == "regress") "y" else "b", typed, paste(sprintf('"%s" = %.12g', names(values), values), collapse = ", ")), file = out)
}
x <- as.list(paste0("x", 1:6)); grouped <- list(c("x2", "x4"), "x1", "x3", "x5", "x6")
emit("backward", "regress", x, "pr(.2)", pr = .2)
emit("forward", "regress", x, "pe(.1)", pe = .1, forward = TRUE)
emit("backward_both", "regress", x, "pr(.1) pe(.05)", pr = .1, pe = .05)
emit("forward_both", "regress", x, "pr(.06) pe(.05) forward", pr = .06, pe = .05, forward = TRUE)
emit("locked_backward", "regress", grouped, "pr(.05) lockterm1", pr = .05, lock = TRUE)
emit("locked_forward", "regress", grouped, "pe(.05) lockterm1", pe = .05, forward = TRUE, lock = TRUE)
emit("logit_backward", "logit", x, "pr(.1)", pr = .1)
emit("logit_forward", "logit", grouped, "pe(.1)", pe = .1, forward = TRUE)
emit("probit_backward", "probit", x, "pr(.1)", pr = .1)
close(out)
