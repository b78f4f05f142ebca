# Panel threshold model of Hansen (1999) by brute force: least-squares dummy variables at every candidate.
# Rscript xthreg.R
k <- 1:300
id <- ceiling(k / 10); q <- ((k * 37) %% 101) / 100
x <- ((k * 53) %% 97) / 48 - 1; z <- ((k * 29) %% 83) / 41 - 1
e <- 0.3 * (((k * 71) %% 89) / 44 - 1)
y <- id / 10 + 0.5 * z + ifelse(q <= 0.4, 0.2, 1) * x + ifelse(q > 0.7, 0.8, 0) * x + e
f <- factor(id)
rss <- function(cuts) {
  g <- factor(findInterval(q, sort(cuts), left.open = TRUE))
  sum(resid(lm(y ~ f + z + g:x))^2)
}
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
v <- sort(unique(q)); n <- length(v)
v <- v[(floor(0.05 * n) + 1):min(ceiling(0.95 * n), n - 1)]
ok <- function(cuts) min(table(findInterval(q, sort(cuts), left.open = TRUE))) >= 0.05 * 300
search <- function(given) { w <- v[sapply(v, function(c) !(c %in% given) && ok(c(given, c)))]; s <- sapply(w, function(c) rss(c(given, c)))
  b <- which.min(s); lr <- (s - s[b]) / (s[b] / 270); i <- w[lr <= -2 * log(1 - sqrt(0.95))]
  list(value = w[b], low = min(i), high = max(i), rss = s[b]) }
a <- search(NULL); s0 <- sum(resid(lm(y ~ f + z + x))^2)
show("first", c(a$value, a$low, a$high, a$rss)); show("F1", (s0 - a$rss) / (a$rss / 270))
b <- search(a$value); c <- search(b$value)
show("second", c(b$value, b$low, b$high, b$rss)); show("refined", c(c$value, c$low, c$high, c$rss))
show("F2", (a$rss - c$rss) / (c$rss / 270))
d <- search(c(b$value, c$value)); show("third", c(d$value, d$low, d$high, d$rss)); show("F3", (c$rss - d$rss) / (d$rss / 270))
