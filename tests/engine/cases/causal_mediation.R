# Three regressions and the variances of the product of two coefficients.
i <- 1:80; x <- ((i*7) %% 23)/5; c <- ((i*11) %% 17)/7
m <- .5*x + .2*c + sin(i*1.7); y <- 1 + .4*m + .3*x - .1*c + cos(i*2.3)
co <- function(f, v) summary(lm(f))$coefficients[v, 1:2]
a <- co(m ~ x + c, "x"); b <- co(y ~ m + x + c, "m"); d <- co(y ~ m + x + c, "x"); t <- co(y ~ x + c, "x")
ab <- a[1]*b[1]; s <- sqrt(b[1]^2*a[2]^2 + a[1]^2*b[2]^2); g1 <- sqrt(s^2 + a[2]^2*b[2]^2); g2 <- sqrt(s^2 - a[2]^2*b[2]^2)
cat(format(c(ind=ab, dir=t[1]-ab, tot=t[1], a=a[1], b=b[1], share=ab/t[1], z=ab/s, g1=ab/g1, g2=ab/g2, t2d=t[1]/(t[1]-ab), direct_check=d[1]), digits=10), "\n")
