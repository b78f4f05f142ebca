# Fixed effects by dummies of Wooldridge, Introductory Econometrics, example 14.4 (years as indicators).
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
d$year <- factor(d$year)
demean <- function(x) x - ave(x, d$nr)
X <- model.matrix(~ union + married + expersq + year, d)[, -1]
Xw <- apply(X, 2, demean); yw <- demean(d$lwage)
fit <- lm(yw ~ Xw - 1)
n <- nrow(d); G <- length(unique(d$nr)); k <- ncol(X)
b <- coef(fit); names(b) <- sub("^year(\\d+)$", "\\1.year", colnames(X))
df <- n - G - k; s2 <- deviance(fit) / df
se <- sqrt(diag(solve(crossprod(Xw))) * s2)
emit_tidy("main", b, se, df)
ssr <- deviance(fit)
glance("main", "N", n); glance("main", "N_g", G); glance("main", "r2_w", 1 - ssr / sum(yw^2))
glance("main", "sigma_e", sqrt(s2))
bar <- function(x) tapply(x, d$nr, mean)
xb <- drop(X %*% b)
glance("main", "r2_b", cor(bar(xb), bar(d$lwage))^2); glance("main", "r2_o", cor(xb, d$lwage)^2)
a <- mean(d$lwage) - mean(xb); u <- bar(d$lwage - a - xb)
emit("tidy.csv", list(model = "main", term = "_cons"), "estimate", a)
glance("main", "sigma_u", sd(u)); glance("main", "rho", sd(u)^2 / (sd(u)^2 + s2))
pooled <- lm(d$lwage ~ X)
F <- (deviance(pooled) - ssr) / (G - 1) / s2
glance("entity_effects", "F", F); glance("entity_effects", "p_value", pf(F, G - 1, df, lower.tail = FALSE))
years <- grep("year", names(b)); V <- solve(crossprod(Xw)) * s2
Ft <- drop(t(b[years]) %*% solve(V[years, years]) %*% b[years]) / length(years)
glance("time_effects", "F", Ft); glance("time_effects", "df_1", length(years)); glance("time_effects", "df_2", df)
glance("time_effects", "p_value", pf(Ft, length(years), df, lower.tail = FALSE))
