# Kernel, radius, local linear and Mahalanobis matching, written out pair by pair.
n <- 60; i <- 1:n
x <- (i*7) %% 23/5; z <- (i*11) %% 17/7
d <- as.numeric((i*13) %% 29 < 7 + 2*x)
y <- x + z + 1.5*d + sin(i*1.7)
p <- unname(fitted(glm(d ~ x + z, binomial("probit"), control=glm.control(epsilon=1e-14, maxit=100))))
K <- list(epan=function(u) ifelse(abs(u)<=1, 1-u^2, 0), normal=dnorm, biweight=function(u) ifelse(abs(u)<=1,(1-u^2)^2,0),
  uniform=function(u) 1*(abs(u)<=1), tricube=function(u) ifelse(abs(u)<=1,(1-abs(u)^3)^3,0))
effect <- function(W, y, d) { # W: treated x controls
  on <- rowSums(abs(W)) > 0; W <- W[on,,drop=FALSE]; y1 <- y[d==1][on]; y0 <- y[d==0]
  w <- colSums(W); used <- w != 0
  c(att=mean(y1) - mean(W %*% y0), se=sqrt(var(y1)/length(y1) + var(y0[used])*sum(w^2)/length(y1)^2), on=sum(on), w2=sum(w^2))
}
gap <- outer(p[d==1], p[d==0], function(a,b) b-a)
kern <- function(k, h, D=gap) { W <- k(D/h); s <- rowSums(W); W/ifelse(s>0, s, 1) }
for (nm in names(K)) { cat(nm, format(effect(kern(K[[nm]], .06), y, d), digits=10), "\n") }
cat("epan .02", format(effect(kern(K$epan, .02), y, d), digits=10), "\n")
cat("radius .01", format(effect(kern(K$uniform, .01), y, d), digits=10), "\n")
# local line with biweight: intercept of a weighted regression for each treated
line <- function(k, h) t(sapply(1:nrow(gap), function(r) { w <- k(gap[r,]/h); if (sum(w>0) < 2) return(0*w)
  X <- cbind(1, gap[r,]); solve(t(X)%*%(X*w), t(X*w))[1,] }))
cat("llr biweight .1", format(effect(line(K$biweight, .1), y, d), digits=10), "\n")
# local line with the default kernel: nearest neighbour of the smoothed outcome (Epanechnikov of variance one)
ep <- function(u) ifelse(abs(u) < sqrt(5), 1-u^2/5, 0)
sm <- sapply(p[d==0], function(a) { g <- p[d==0]-a; w <- ep(g/.06); X <- cbind(1,g); solve(t(X)%*%(X*w), t(X*w)%*%y[d==0])[1] })
o0 <- order(p[d==0]); near <- apply(abs(gap), 1, which.min)
w <- tabulate(near, sum(d==0)); y1 <- y[d==1]; y0 <- y[d==0]
cat("llr", format(c(mean(y1)-mean(sm[near]), sqrt(var(y1)/length(y1)+var(y0[w>0])*sum(w^2)/length(y1)^2)), digits=10), "\n")
# Mahalanobis with the pooled within covariance
# a second covariate without equal distances
X <- cbind(x, z + sin(i)/50); S <- (crossprod(scale(X[d==1,],scale=FALSE)) + crossprod(scale(X[d==0,],scale=FALSE)))/(n-2); W <- solve(S)
D2 <- function(A, B) outer(1:nrow(A), 1:nrow(B), Vectorize(function(a,b) { e <- A[a,]-B[b,]; drop(t(e)%*%W%*%e) }))
M <- D2(X[d==1,], X[d==0,])
pick <- function(M, k) t(apply(M, 1, function(r) { v <- 0*r; v[order(r)[1:k]] <- 1/k; v }))
cat("mahal 1", format(effect(pick(M,1), y, d), digits=10), "\n"); cat("mahal 2", format(effect(pick(M,2), y, d), digits=10), "\n")
cat("mahal kernel", format(effect(kern(K$epan, .5, M), y, d), digits=10), "\n")
# Abadie-Imbens (2006) standard errors, two own neighbours, one match, on the score
own <- sapply(i, function(a) { s <- setdiff(which(d==d[a]), a); mean(y[s[order(abs(p[s]-p[a]))[1:2]]]) })
s2 <- 2/3*(y-own)^2
m <- sapply(i, function(a) { s <- which(d!=d[a]); s[which.min(abs(p[s]-p[a]))] })
wt <- tabulate(m[d==1], n); wa <- tabulate(m, n); g <- ifelse(d==1, y-y[m], y[m]-y)
att <- mean(g[d==1]); atu <- mean(g[d==0]); ate <- mean(g); n1 <- sum(d); n0 <- n-n1
cat("ai sample", format(c(att, sqrt(sum(s2*(d-(1-d)*wt)^2))/n1, atu, sqrt(sum(s2*((1-d)-d*wa)^2))/n0, ate, sqrt(sum(s2*(1+wa)^2))/n), digits=10), "\n")
cat("ai population", format(c(sqrt(sum(d*(g-att)^2+(1-d)*(wt^2-wt)*s2))/n1, sqrt(sum((g-ate)^2+(wa^2+wa)*s2))/n), digits=10), "\n")
# Balance after matching each treated to the nearest control: weights 1 for the treated, times used for controls
w <- ifelse(d==1, 1, wt); v <- (var(x[d==1]) + var(x[d==0]))/2
wm <- function(a, s) weighted.mean(a[s], w[s]); wv <- function(a, s) sum(w[s]*(a[s]-wm(a,s))^2)/(sum(w[s])-1)
bias <- function(a) 100*(wm(a,d==1)-wm(a,d==0))/sqrt((var(a[d==1])+var(a[d==0]))/2)
e <- x - ifelse(d==1, wm(x,d==1), wm(x,d==0)); s2x <- sum(w*e^2)/(sum(w)-2)
g1 <- suppressWarnings(glm(d ~ x + z, binomial("probit"), weights=w, control=glm.control(epsilon=1e-14, maxit=100)))
idx <- predict(g1, type="link")
cat("balance", format(c(x=bias(x), z=bias(z), t=(wm(x,d==1)-wm(x,d==0))/sqrt(s2x*2/sum(d)), ratio=wv(x,d==1)/wv(x,d==0),
  chi2=g1$null.deviance-g1$deviance, r2=1-g1$deviance/g1$null.deviance,
  B=100*(wm(idx,d==1)-wm(idx,d==0))/sqrt((wv(idx,d==1)+wv(idx,d==0))/2), R=wv(idx,d==1)/wv(idx,d==0),
  raw=100*(mean(x[d==1])-mean(x[d==0]))/sqrt(v)), digits=10), "\n")
