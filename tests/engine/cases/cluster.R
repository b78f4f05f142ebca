# Linkages, groups, k-means and the pseudo-F of R's mtcars (mpg, hp, wt scaled as they are).
options(digits = 10)
X <- as.matrix(mtcars[, c("mpg", "hp", "wt")])
ch <- function(g) {
  k <- length(unique(g)); n <- nrow(X)
  w <- sum(sapply(split(as.data.frame(X), g), function(d) sum(scale(d, scale = FALSE)^2)))
  t <- sum(scale(X, scale = FALSE)^2)
  ((t - w) / (k - 1)) / (w / (n - k))
}
d <- dist(X)
for (m in c("ward.D2", "average", "complete", "single")) {
  h <- hclust(d, m)
  g <- cutree(h, 3)
  cat(m, "top height", max(h$height), max(h$height)^2, "sizes", sort(table(g)), "same as first", sum(g == g[1]), "pseudo-F", ch(g), "\n")
}
k <- kmeans(X, X[1:3, ], algorithm = "Lloyd", iter.max = 1000)
cat("kmeans", k$cluster, "pseudo-F", ch(k$cluster), "\n")
