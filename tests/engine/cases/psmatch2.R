# Propensity-score matching with base R: glm() for the score, then an explicit search over all pairs.
i <- 1:60
x <- ((i * 7) %% 23) / 5
z <- ((i * 11) %% 17) / 7
d <- as.numeric((i * 13) %% 29 < 7 + 2 * x)
y <- x + z + 1.5 * d + sin(i * 1.7)
score <- function(link) fitted(glm(d ~ x + z, family = binomial(link), control = list(epsilon = 1e-14, maxit = 100)))
show <- function(title, ...) cat(title, sprintf("%s=%.10g", names(c(...)), c(...)), "\n")
nearest <- function(p, from, to, k, caliper) lapply(from, function(a) {
  o <- to[order(abs(p[a] - p[to]))][seq_len(k)]
  o[abs(p[a] - p[o]) < caliper]
})
effects <- function(title, p, k = 1, caliper = Inf, common = FALSE, ate = FALSE, pairs = NULL) {
  ok <- rep(TRUE, 60)
  if (common) ok <- ok & (d == 0 | (p >= min(p[d == 0]) & p <= max(p[d == 0])))
  if (common && ate) ok <- ok & (d == 1 | (p >= min(p[d == 1]) & p <= max(p[d == 1])))
  t <- which(d == 1 & ok); c <- which(d == 0 & ok)
  m <- if (is.null(pairs)) nearest(p, t, c, k, caliper) else pairs(p, t, c)
  has <- lengths(m) > 0
  w <- rep(0, 60)
  for (one in m[has]) w[one] <- w[one] + 1 / length(one)
  on <- t[has]
  other <- sapply(m[has], function(o) mean(y[o]))
  att <- mean(y[on] - other)
  back <- if (ate) nearest(p, c, t, k, caliper) else list()
  lost <- if (ate) c[lengths(back) == 0] else integer(0)
  w[lost] <- 0
  used <- which(d == 0 & w > 0)
  se <- sqrt(var(y[on]) / length(on) + var(y[used]) * sum(w[used]^2) / length(on)^2)
  show(title, att = att, seatt = se, treated_on = length(on), controls_used = length(used), w2 = sum(w[used]^2), sum_other = sum(other))
  if (ate) {
    has <- lengths(back) > 0
    gain <- sapply(back[has], function(o) mean(y[o])) - y[c[has]]
    show("   with ate", atu = mean(gain), ate = (att * length(on) + sum(gain)) / (length(on) + sum(has)), controls_on = sum(has))
  }
}
# One control each, treated in the order of their scores: the first free control at or above the last one taken
# from which the distance stops falling; once the highest is taken the search goes down.
greedy <- function(p, t, c) {
  t <- t[order(p[t])]; c <- c[order(p[c])]
  free <- rep(TRUE, length(c)); up <- TRUE; last <- 0
  lapply(t, function(a) {
    candidates <- if (up) which(free & seq_along(c) > last) else rev(which(free & seq_along(c) < last))
    if (!length(candidates)) return(integer(0))
    gap <- abs(p[a] - p[c[candidates]])
    grows <- which(diff(gap) > 0)
    pick <- candidates[if (length(grows)) grows[1] else length(gap)]
    free[pick] <<- FALSE
    last <<- pick
    if (pick == length(c)) up <<- FALSE
    c[pick]
  })
}
effects("logit 1", score("logit"))
effects("probit 1", score("probit"))
effects("probit 3 caliper .05 common ate", score("probit"), 3, 0.05, TRUE, TRUE)
effects("logit 1 caliper .01", score("logit"), 1, 0.01)
effects("probit noreplacement", score("probit"), pairs = greedy)
s <- summary(lm(y ~ d))$coefficients
show("unmatched", b = s[2, 1], se = s[2, 2])
show("score of 1", logit = score("logit")[[1]], probit = score("probit")[[1]])
