# Synthetic control: regression-based predictor weights and the quadratic program of quadprog.
library(quadprog)
unit <- rep(1:8, each=12); t <- rep(1:12, 8)
x <- ((unit*7) %% 5)/2 + sin(unit*t*.9)/4; z <- cos(unit*2.1) + t/20 + sin(unit + t)/5
y <- 2 + x + 1.5*z + .1*t*cos(unit*1.3) + sin(unit*t)/6 + 2*(unit==3)*(t>8)
pre <- 1:8
m <- function(v, p) sapply(1:8, function(u) mean(v[unit==u & t %in% p]))
X <- rbind(m(x, pre), m(z, pre), m(y, 8), m(y, 2:4)); Z <- sapply(1:8, function(u) y[unit==u & t %in% pre]); Y <- sapply(1:8, function(u) y[unit==u])
S <- X/apply(X, 1, sd); co <- setdiff(1:8, 3)
B <- coef(lm(t(Z) ~ t(S)))[-1,]; v <- rowSums(B^2); v <- v/sum(v)
fit <- function(v) { V <- diag(v); D <- t(S[,co])%*%V%*%S[,co]; sc <- max(D)
  q <- solve.QP((D + diag(1e-9*sc, 7))/sc, drop(t(S[,co])%*%V%*%S[,3])/sc, cbind(1, diag(7)), c(1, rep(0,7)), meq=1); pmax(q$solution, 0) }
w <- fit(v); cat("V", format(v, digits=8), "\nw", format(round(w,5)), "\nrmspe", format(sqrt(mean((Z[,3]-Z[,co]%*%w)^2)), digits=8), "\n")
cat("synthetic", format(drop(Y[,co]%*%round(w,3))[c(8,9,12)], digits=8), "\n")
w <- fit(rep(.25,4)); cat("equal w", format(round(w,5)), "rmspe", format(sqrt(mean((Z[,3]-Z[,co]%*%w)^2)), digits=8), "\n")
