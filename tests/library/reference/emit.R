# Output shared by the reference scripts: one line per number, "file|key=value,key=value|column|value".
emit <- function(file, where, column, value) {
  keys <- paste(names(where), unlist(where), sep = "=", collapse = ",")
  cat(paste(file, keys, column, format(value, digits = 15, scientific = NA), sep = "|"), "\n", sep = "")
}

# Rows of tidy.csv from coefficients, standard errors and degrees of freedom (Inf: normal distribution).
emit_tidy <- function(model, b, se, df, terms = names(b), level = 0.95) {
  for (i in seq_along(b)) {
    where <- list(model = model, term = sub("(Intercept)", "_cons", terms[i], fixed = TRUE))
    half <- qt(1 - (1 - level) / 2, df) * se[i]
    emit("tidy.csv", where, "estimate", unname(b[i]))
    emit("tidy.csv", where, "std_error", unname(se[i]))
    emit("tidy.csv", where, "statistic", unname(b[i] / se[i]))
    emit("tidy.csv", where, "p_value", unname(2 * pt(-abs(b[i] / se[i]), df)))
    emit("tidy.csv", where, "conf_low", unname(b[i] - half))
    emit("tidy.csv", where, "conf_high", unname(b[i] + half))
  }
}

glance <- function(model, key, value) emit("glance.csv", list(model = model, key = key), "value", value)

se_of <- function(fit) sqrt(diag(vcov(fit)))

# Sandwich variance of a least-squares fit: White's with n/(n-k), or clustered with G/(G-1) (n-1)/(n-k).
sandwich <- function(fit, cluster = NULL, k = length(coef(fit))) {
  X <- model.matrix(fit); u <- residuals(fit); n <- nrow(X)
  bread <- solve(crossprod(X))
  if (is.null(cluster)) {
    meat <- crossprod(X * u); scale <- n / (n - k)
  } else {
    meat <- crossprod(rowsum(X * u, cluster)); G <- length(unique(cluster))
    scale <- G / (G - 1) * (n - 1) / (n - k)
  }
  scale * bread %*% meat %*% bread
}
