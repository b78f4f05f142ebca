# Wild cluster bootstrap by refitting every sign pattern: 8 clusters, 256 patterns.
n <- 96; i <- 1:n
x <- ((i*7) %% 23)/5; g <- (i-1) %% 8; f <- (i*5) %% 6; d <- as.numeric(g < 3 & i > 30)
y <- 1 + .5*x + .4*d + sin(i*1.7) + .6*sin(g*2.1) + .3*f
pat <- as.matrix(expand.grid(rep(list(c(1,-1)), 8)))
tstat <- function(y, X, j, r, k) { XX <- solve(crossprod(X)); b <- drop(XX%*%crossprod(X,y)); u <- drop(y-X%*%b); S <- rowsum(X*u, g)
  V <- XX%*%crossprod(S)%*%XX*(8/7)*(n-1)/(n-k); (b[j]-r)/sqrt(V[j,j]) }
wild <- function(X, j, r=0, k=ncol(X), null=TRUE) { X0 <- X[,-j,drop=FALSE]; b <- solve(crossprod(X), crossprod(X,y))
  if (null) { b0 <- solve(crossprod(X0), crossprod(X0, y-r*X[,j])); fit <- drop(X0%*%b0)+r*X[,j]; r0 <- r } else { fit <- drop(X%*%b); r0 <- b[j] }
  t0 <- tstat(y, X, j, r, k); u <- y - fit
  ts <- apply(pat, 1, function(v) tstat(fit + u*v[g+1], X, j, r0, k))
  c(t=t0, symmetric=mean(abs(ts) > abs(t0)+1e-9), upper=mean(ts > t0+1e-9), lower=mean(ts < t0-1e-9)) }
X <- cbind(x, d, 1)
sh <- function(nm, v) cat(nm, format(v, digits=10), "\n")
sh("regress d", wild(X, 2)); sh("regress d=.3", wild(X, 2, .3)); sh("regress x nonull", wild(X, 1, 0, null=FALSE)); sh("x=.4", wild(X,1,.4))
Xf <- cbind(x, d, model.matrix(~factor(f)))
sh("absorb f, d", wild(Xf, 2)); sh("absorb f, x=.4", wild(Xf, 1, .4))
# bounds of the confidence set for d: where the p-value falls below .05
b <- coef(lm(y ~ x + d))["d"]
up <- uniroot(function(r) wild(X,2,r)["symmetric"] - .05 + 1e-9, c(b, b+3), tol=1e-10)$root
lo <- uniroot(function(r) wild(X,2,r)["symmetric"] - .05 + 1e-9, c(b-3, b), tol=1e-10)$root
sh("ci d", c(lo, up))
