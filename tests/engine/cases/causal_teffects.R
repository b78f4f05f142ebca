# Treatment effects with three levels as one stacked M-estimator: base R and nnet::multinom for the starting point.
library(nnet)
n <- 240; i <- 1:n
x <- ((i*7) %% 23)/5; z <- ((i*11) %% 17)/7; g <- (i*5) %% 12
t <- ((i*13) %% 29 + round(2*x)) %% 3
y <- 2 + x - .5*z + t*(1 + .3*x) + sin(i*1.7); f <- plogis(y/4 - 1)
Z <- cbind(x, z, 1)
gam <- coef(multinom(t ~ x + z, trace=FALSE, reltol=1e-14, maxit=2000, abstol=1e-12)); gam <- c(gam[1,c(2,3,1)], gam[2,c(2,3,1)])
prob <- function(g) { e <- cbind(1, exp(Z%*%g[1:3]), exp(Z%*%g[4:6])); e/rowSums(e) }
jac <- function(f, a) sapply(seq_along(a), function(j) { h <- 1e-6*max(1,abs(a[j])); u <- a; d <- a; u[j] <- u[j]+h; d[j] <- d[j]-h; (f(u)-f(d))/(2*h) })
se <- function(mom, th, cl=NULL) { A <- jac(function(a) colSums(mom(a)), th); S <- mom(th); if (!is.null(cl)) S <- rowsum(S, cl)
  sqrt(diag(solve(A) %*% crossprod(S) %*% t(solve(A)))) }
tm <- function(g) { p <- prob(g); cbind(Z*((t==1)-p[,2]), Z*((t==2)-p[,3])) }
for (it in 1:8) gam <- gam - solve(jac(function(a) colSums(tm(a)), gam), colSums(tm(gam)))
sh <- function(nm, v) cat(nm, format(v, digits=10), "\n")
# ipw, ATE: contrasts with level 0 and its mean
mu <- sapply(0:2, function(k) { w <- (t==k)/prob(gam)[,k+1]; sum(w*y)/sum(w) })
th <- c(mu[2]-mu[1], mu[3]-mu[1], mu[1], gam)
ipw <- function(a) { p <- prob(a[4:9]); cbind((t==1)/p[,2]*(y-a[3]-a[1]), (t==2)/p[,3]*(y-a[3]-a[2]), (t==0)/p[,1]*(y-a[3]), tm(a[4:9])) }
sh("ipw", c(th[1:3], se(ipw, th)[1:3])); sh("ipw cluster", se(ipw, th, g)[1:3])
# ra, ATET of level 2
b <- lapply(0:2, function(k) coef(lm(y ~ Z - 1, subset=t==k)))
m2 <- sapply(b, function(q) mean((Z%*%q)[t==2]))
th <- c(m2[2]-m2[1], m2[3]-m2[1], m2[1], unlist(b))
ra <- function(a) { q <- list(a[4:6], a[7:9], a[10:12]); s <- t==2
  cbind(s*(Z%*%q[[2]]-a[3]-a[1]), s*(Z%*%q[[3]]-a[3]-a[2]), s*(Z%*%q[[1]]-a[3]), do.call(cbind, lapply(0:2, function(k) Z*drop((t==k)*(y-Z%*%q[[k+1]]))))) }
sh("ra atet", c(th[1:3], se(ra, th)[1:3]))
# aipw, potential-outcome means
aug <- function(q, p) sapply(0:2, function(k) Z%*%q[[k+1]] + (t==k)/p[,k+1]*(y-Z%*%q[[k+1]]))
th <- c(colMeans(aug(b, prob(gam))), unlist(b), gam)
aipw <- function(a) { q <- list(a[4:6], a[7:9], a[10:12]); p <- prob(a[13:18]); v <- aug(q, p)
  cbind(v[,1]-a[1], v[,2]-a[2], v[,3]-a[3], do.call(cbind, lapply(0:2, function(k) Z*drop((t==k)*(y-Z%*%q[[k+1]])))), tm(a[13:18])) }
sh("aipw", c(th[1:3], se(aipw, th)[1:3]))
# ra with a fractional logit outcome, level 2 against level 0
s <- t != 1; Z2 <- Z[s,]; f2 <- f[s]; t2 <- t[s] == 2
fq <- lapply(c(FALSE, TRUE), function(k) coef(suppressWarnings(glm(f2 ~ Z2 - 1, quasibinomial, subset=t2==k, control=glm.control(epsilon=1e-14)))))
mu <- sapply(fq, function(q) mean(plogis(Z2%*%q))); th <- c(mu[2]-mu[1], mu[1], unlist(fq))
frac <- function(a) cbind(plogis(Z2%*%a[6:8])-a[2]-a[1], plogis(Z2%*%a[3:5])-a[2], Z2*drop((!t2)*(f2-plogis(Z2%*%a[3:5]))), Z2*drop(t2*(f2-plogis(Z2%*%a[6:8]))))
sh("flogit", c(th[1:2], se(frac, th)[1:2]))
# balance: inverse-probability weights scaled to sum to n, level 2 against level 0
pl <- fitted(glm(t2 ~ Z2[,1] + Z2[,2], binomial, control=glm.control(epsilon=1e-14)))
w <- ifelse(t2, 1/pl, 1/(1-pl)); w <- w*length(w)/sum(w)
bal <- function(a, w) { m <- sapply(c(TRUE,FALSE), function(k) weighted.mean(a[t2==k], w[t2==k])); v <- sapply(1:2, function(k) { q <- t2==c(TRUE,FALSE)[k]; sum(w[q]*(a[q]-m[k])^2)/(sum(w[q])-1) }); c((m[1]-m[2])/sqrt(mean(v)), v[1]/v[2]) }
sh("balance", c(bal(Z2[,1], w/w), bal(Z2[,1], w), sum(w[t2])))
