# Difference in differences by lm(), with kernel weights from a baseline probit written out.
n <- 50; id <- rep(1:n, each=2); p <- rep(0:1, n)
x <- (id*7) %% 23/5 + .0; tr <- as.numeric((id*13) %% 29 < 7 + 2*x); y <- 1 + .5*x + .3*p + .8*tr + .6*tr*p + sin(id*1.7 + p)
sh <- function(nm, v) cat(nm, format(v, digits=10), "\n")
f <- function(m, X=NULL) { b <- coef(m); V <- vcov(m); l <- function(k) c(sum(b[k]), sqrt(sum(V[k,k]))); c(c0=b[[1]], d0=l("tr"), d1=l(c("tr","p:tr")), dd=l("p:tr"), t1=sum(b[c("(Intercept)","p","tr","p:tr")])) }
sh("plain", f(lm(y ~ p*tr))); sh("cov", f(lm(y ~ p*tr + x)))
s <- fitted(glm(tr[p==0] ~ x[p==0], binomial("probit"), control=glm.control(epsilon=1e-14)))
t0 <- tr[p==0]; w <- rep(0, n)
for (j in which(t0==1)) { k <- ifelse(abs(s-s[j]) <= .06, 1-((s-s[j])/.06)^2, 0)*(t0==0); if (sum(k)>0) w <- w + k/sum(k) }
w <- ifelse(t0==1, 1, w)[id]; u <- w > 0
sh("kernel", c(f(lm(y ~ p*tr, weights=w, subset=u)), n=sum(u), sum=sum(w)))
lo <- min(s[t0==1]); hi <- max(s[t0==0]); on <- s >= lo & s <= hi; w <- rep(0, n)
for (j in which(t0==1 & on)) { k <- ifelse(abs(s-s[j]) <= .1, 1-((s-s[j])/.1)^2, 0)*(t0==0)*on; if (sum(k)>0) w <- w + k/sum(k) }
w <- ifelse(t0==1, on*1, w)[id]; u <- w > 0
sh("support", c(f(lm(y ~ p*tr, weights=w, subset=u)), n=sum(u), sum=sum(w)))
