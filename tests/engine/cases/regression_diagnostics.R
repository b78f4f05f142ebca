# Influence statistics of a regression on R's mtcars.
options(digits = 10)
fit <- lm(mpg ~ disp + wt + qsec, mtcars)
d <- dfbetas(fit)
cat("dfbetas first car", d[1, -1], "last car", d[32, -1], "\n")
cat("cook", cooks.distance(fit)[c(1, 32)], "hat", hatvalues(fit)[c(1, 32)], "\n")
cat("dffits", dffits(fit)[c(1, 32)], "covratio", covratio(fit)[c(1, 32)], "rstudent", rstudent(fit)[c(1, 32)], "\n")
cat("binom", binom.test(36, 74, .3)$p.value, "\n")
