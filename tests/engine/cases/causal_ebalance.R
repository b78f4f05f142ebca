# Entropy balancing by direct minimisation of the dual with optim, then Newton polishing.
i <- 1:60; x <- ((i*7) %% 23)/5; z <- ((i*11) %% 17)/7; d <- as.numeric((i*13) %% 29 < 7 + 2*x); y <- x + z + 1.5*d + sin(i*1.7)
bal <- function(M) { C <- M[d==0,,drop=FALSE]; t <- colMeans(M[d==1,,drop=FALSE]); Z <- sweep(C, 2, t); l <- rep(0, ncol(M))
  for (k in 1:200) { w <- exp(-Z%*%l); w <- drop(w/sum(w)); g <- colSums(w*Z); H <- crossprod(Z*sqrt(w)) - tcrossprod(g); s <- solve(H, g); f0 <- log(sum(exp(-Z%*%l))); a <- 1
    while (log(sum(exp(-Z%*%(l+a*s)))) > f0 && a > 1e-8) a <- a/2; l <- l + a*s }
  w*sum(d) }
w <- bal(cbind(x,z)); cat("first", format(c(w[1:3], sum(w^2), weighted.mean(y[d==0], w)), digits=10), "\n")
w <- bal(cbind(x,z,x^2,z^2)); cat("second", format(c(w[1:3], sum(w^2), weighted.mean(y[d==0], w)), digits=10), "\n")
