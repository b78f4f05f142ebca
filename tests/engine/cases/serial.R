# Serial correlation tests of Klein's (1950) consumption regression; R 4.2 with lmtest.
# Rscript serial.R
library(lmtest)
consump <- c(39.8,41.9,45,49.2,50.6,52.6,55.1,56.2,57.3,57.8,55,50.9,45.6,46.5,48.7,51.3,57.7,58.7,57.5,61.6,65,69.7)
wagegovt <- c(2.2,2.7,2.9,2.9,3.1,3.2,3.3,3.6,3.7,4.0,4.2,4.8,5.3,5.6,6.0,6.1,7.4,6.7,7.7,7.8,8.0,8.5)
fit <- lm(consump ~ wagegovt)
options(digits = 12)
for (p in 1:3) print(bgtest(fit, order = p)$statistic)
for (p in 1:2) print(bgtest(fit, order = p, type = "F")$statistic)
for (p in 1:2) print(bgtest(fit, order = p, fill = NA)$statistic)
print(dwtest(fit)$statistic)
# Durbin's alternative test with robust covariance: n/(n-k) times the sandwich.
e <- resid(fit); lag1 <- c(0, head(e, -1)); aux <- lm(e ~ wagegovt + lag1)
X <- model.matrix(aux); u <- resid(aux); bread <- solve(crossprod(X)); n <- length(u)
V <- bread %*% crossprod(X * u) %*% bread * n / (n - ncol(X))
print(coef(aux)["lag1"]^2 / V["lag1", "lag1"])
