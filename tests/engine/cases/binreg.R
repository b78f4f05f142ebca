# Binomial glm with log, identity and logit link, standard errors from the expected information.
# Usage: Rscript binreg.R FOLDER, with lbw.dta in FOLDER.
suppressMessages(library(haven))
d <- as.data.frame(zap_labels(read_dta(file.path(commandArgs(TRUE)[1], "lbw.dta"))))
for (l in c("log", "identity", "logit")) {
  f <- glm(low ~ smoke + ht, family = binomial(l), data = d, start = switch(l, log = c(-1.2, 0, 0), identity = c(.3, 0, 0), NULL), control = list(epsilon = 1e-14))
  cat("==", l, "\n"); print(summary(f)$coefficients[, 1:2], digits = 10)
  cat(sprintf("deviance %.10g pearson %.10g\n", f$deviance, sum(residuals(f, "pearson")^2)))
}
g <- aggregate(cbind(low, n = 1) ~ smoke + ht, d, sum)
f <- glm(cbind(low, n - low) ~ smoke + ht, family = binomial("log"), data = g, start = c(-1.2, 0, 0), control = list(epsilon = 1e-14))
cat("== grouped\n"); print(g); print(summary(f)$coefficients[, 1:2], digits = 10)
