# Driscoll-Kraay standard errors by plm::vcovSCC on grunfeld.dta. Rscript xtscc.R beside the published datasets.
# xtscc multiplies by T/(T-1) (N-1)/(N-K), K with the constant (its help file, and the printed results below).
suppressWarnings(suppressMessages({library(plm); library(foreign)}))
d <- pdata.frame(read.dta("grunfeld.dta"), index = c("company", "year"))
show <- function(name, v) cat(name, sprintf("%.12g", v), "\n")
report <- function(name, formula, model, lags) {
  fit <- plm(formula, d, model = model)
  N <- 200; T <- 20; K <- length(coef(fit)) + (model == "within")
  V <- vcovSCC(fit, type = "HC0", maxlag = lags)
  q <- T / (T - 1) * (N - 1) / (N - K)
  show(name, coef(fit)); show("  se", sqrt(diag(V) * q)); show("  ase", sqrt(diag(V)))
  b <- coef(fit)[c("mvalue", "kstock")]
  show("  F", t(b) %*% solve(V[c("mvalue", "kstock"), c("mvalue", "kstock")] * q) %*% b / 2)
  show("  r2", summary(fit)$r.squared[1])
}
report("pooled 4", invest ~ mvalue + kstock, "pooling", 4)
report("fe 2", invest ~ mvalue + kstock, "within", 2)
report("fe 0", invest ~ mvalue + kstock, "within", 0)
report("fe year", invest ~ mvalue + kstock + factor(year), "within", 2)
report("re 2", invest ~ mvalue + kstock, "random", 2)
# stackoverflow 65211000: xi: xtscc gsp pcap emp unemp yeardum*, fe on plm's Produc; pcap .265713, emp 2.238392, unemp 85.10647
data("Produc", package = "plm"); p <- pdata.frame(Produc, index = c("state", "year"))
fit <- plm(gsp ~ pcap + emp + unemp + factor(year), p, model = "within")
show("Produc", sqrt(diag(vcovSCC(fit, type = "HC0", maxlag = 2)) * 17 / 16 * 815 / (816 - 20))[1:3])
