# Wages of men and women, Wooldridge's WAGE1.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
man <- d$wage[d$female == 0]; woman <- d$wage[d$female == 1]
row <- function(model, t) {
  where <- list(model = model, term = "difference")
  emit("tidy.csv", where, "estimate", mean(man) - mean(woman)); emit("tidy.csv", where, "std_error", t$stderr)
  emit("tidy.csv", where, "statistic", t$statistic[[1]]); emit("tidy.csv", where, "p_value", t$p.value)
  emit("tidy.csv", where, "conf_low", t$conf.int[1]); emit("tidy.csv", where, "df", t$parameter[[1]])
}
row("main", t.test(man, woman)); row("satterthwaite", t.test(man, woman)); row("equal_variances", t.test(man, woman, var.equal = TRUE))
n <- c(length(man), length(woman)); s <- c(sd(man), sd(woman))
# Welch (1947): the degrees of freedom of his own formula, minus 2.
v <- s^2 / n; df <- sum(v)^2 / sum(v^2 / (n + 1)) - 2
emit("tidy.csv", list(model = "welch", term = "difference"), "df", df)
emit("tidy.csv", list(model = "welch", term = "difference"), "p_value", 2 * pt(-abs((mean(man) - mean(woman)) / sqrt(sum(v))), df))
d1 <- (mean(man) - mean(woman)) / sqrt(sum((n - 1) * s^2) / (sum(n) - 2))
glance("effect_size", "cohen_d", d1); glance("effect_size", "hedges_g", d1 * (1 - 3 / (4 * (sum(n) - 2) - 1)))
vt <- var.test(man, woman)
glance("variance_ratio", "F", vt$statistic[[1]]); glance("variance_ratio", "p_value", 2 * min(pf(vt$statistic, n[1] - 1, n[2] - 1), pf(vt$statistic, n[1] - 1, n[2] - 1, lower.tail = FALSE)))
levene <- function(center) { z <- abs(d$wage - ave(d$wage, d$female, FUN = center)); anova(lm(z ~ factor(d$female))) }
glance("levene", "W0", levene(mean)[["F value"]][1]); glance("brown_forsythe", "W50", levene(median)[["F value"]][1])
glance("brown_forsythe", "p_value", levene(median)[["Pr(>F)"]][1])
for (g in 0:1) { x <- d$wage[d$female == g]
  emit("groups.csv", list(value = g), "n", length(x)); emit("groups.csv", list(value = g), "mean", mean(x)); emit("groups.csv", list(value = g), "sd", sd(x)) }
