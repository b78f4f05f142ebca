# Mean-group estimators by plm::pmg on grunfeld.dta. Rscript xtmg.R beside the published datasets
suppressWarnings(suppressMessages({library(plm); library(foreign)}))
d <- pdata.frame(read.dta("grunfeld.dta"), index = c("company", "year"))
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
for (m in c("mg", "cmg")) for (trend in c(FALSE, TRUE)) {
  fit <- pmg(invest ~ mvalue + kstock, d, model = m, trend = trend)
  show(paste(m, trend), coef(fit)); cat(names(coef(fit)), "\n"); show("  se", sqrt(diag(vcov(fit))))
}
