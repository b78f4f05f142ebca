# Wages and schooling of men and women, Wooldridge's WAGE1.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
for (v in c("wage", "educ")) {
  for (g in c("man", "woman")) { x <- d[[v]][d$sex == g]; w <- list(variable = v, group = g)
    emit("by_group.csv", w, "n", length(x)); emit("by_group.csv", w, "mean", mean(x)); emit("by_group.csv", w, "sd", sd(x)); emit("by_group.csv", w, "p50", median(x)) }
  emit("by_group.csv", list(variable = v, group = "All groups"), "mean", mean(d[[v]]))
  x <- d[[v]][d$sex == "man"]; y <- d[[v]][d$sex == "woman"]
  t <- t.test(x, y); w <- list(variable = v, test = "t_unequal_variances")
  emit("differences.csv", w, "statistic", t$statistic[[1]]); emit("differences.csv", w, "p_value", t$p.value)
  a <- anova(lm(d[[v]] ~ d$sex)); w <- list(variable = v, test = "anova_F")
  emit("differences.csv", w, "statistic", a[["F value"]][1]); emit("differences.csv", w, "p_value", a[["Pr(>F)"]][1])
  k <- kruskal.test(d[[v]], factor(d$sex)); w <- list(variable = v, test = "kruskal_wallis")
  emit("differences.csv", w, "statistic", k$statistic[[1]]); emit("differences.csv", w, "p_value", k$p.value)
}
