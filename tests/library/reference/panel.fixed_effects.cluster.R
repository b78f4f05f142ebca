# The same coefficients with standard errors clustered by person; N/(N-k) counts the slopes only, as the
# entities are nested in the clusters.
source("emit.R"); args <- commandArgs(TRUE); d <- read.csv(args[1])
d$year <- factor(d$year)
demean <- function(x) x - ave(x, d$nr)
X <- model.matrix(~ union + married + expersq + year, d)[, -1]
Xw <- apply(X, 2, demean); yw <- demean(d$lwage)
fit <- lm(yw ~ Xw - 1)
b <- coef(fit); names(b) <- sub("^year(\\d+)$", "\\1.year", colnames(X))
V <- sandwich(fit, d$nr, k = ncol(X) + 1)
G <- length(unique(d$nr))
emit_tidy("main", b, sqrt(diag(V)), G - 1)
glance("main", "n_clusters", G)
