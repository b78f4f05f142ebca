# Correlations among wage, schooling, experience and tenure, Wooldridge's WAGE1.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
v <- c("wage", "educ", "exper", "tenure")
for (i in 2:4) for (j in 1:(i - 1)) {
  x <- d[[v[i]]]; y <- d[[v[j]]]
  p <- cor.test(x, y); w <- list(method = "pearson", variable_1 = v[i], variable_2 = v[j])
  emit("correlations.csv", w, "estimate", p$estimate[[1]]); emit("correlations.csv", w, "p_value", p$p.value); emit("correlations.csv", w, "conf_low", p$conf.int[1]); emit("correlations.csv", w, "n", length(x))
  # Stata refers the rank correlation to t with n-2 degrees of freedom.
  r <- cor(x, y, method = "spearman"); n <- length(x); w$method <- "spearman"
  emit("correlations.csv", w, "estimate", r); emit("correlations.csv", w, "p_value", 2 * pt(-abs(r) * sqrt((n - 2) / (1 - r^2)), n - 2))
}
