"""Prints functions_distribution.toml: distribution functions by scipy.stats (and closed forms)."""

from __future__ import annotations

from scipy import stats

ROWS = {
    "normal": [
        ("normal(1.96)", stats.norm.cdf(1.96)),
        ("normalden(1)", stats.norm.pdf(1)),
        ("normalden(1, 2, 3)", stats.norm.pdf(1, 2, 3)),
        ("invnormal(.975)", stats.norm.ppf(0.975)),
        ("lnnormal(-40)", stats.norm.logcdf(-40)),
        ("lnnormalden(3)", stats.norm.logpdf(3)),
        ("binormal(.5, -.2, .3)", stats.multivariate_normal.cdf([0.5, -0.2], cov=[[1, 0.3], [0.3, 1]])),
    ],
    "t_f_chi2": [
        ("t(10, 2)", stats.t.cdf(2, 10)),
        ("ttail(10, 2)", stats.t.sf(2, 10)),
        ("tden(5, 1)", stats.t.pdf(1, 5)),
        ("invttail(20, .025)", stats.t.isf(0.025, 20)),
        ("invt(20, .9)", stats.t.ppf(0.9, 20)),
        ("F(3, 20, 2.5)", stats.f.cdf(2.5, 3, 20)),
        ("Ftail(3, 20, 2.5)", stats.f.sf(2.5, 3, 20)),
        ("Fden(3, 20, 2.5)", stats.f.pdf(2.5, 3, 20)),
        ("invFtail(3, 20, .05)", stats.f.isf(0.05, 3, 20)),
        ("invF(3, 20, .5)", stats.f.ppf(0.5, 3, 20)),
        ("chi2(4, 3)", stats.chi2.cdf(3, 4)),
        ("chi2tail(4, 3)", stats.chi2.sf(3, 4)),
        ("chi2den(4, 3)", stats.chi2.pdf(3, 4)),
        ("invchi2(4, .95)", stats.chi2.ppf(0.95, 4)),
        ("invchi2tail(4, .05)", stats.chi2.isf(0.05, 4)),
        ("nchi2(3, 2, 4)", stats.ncx2.cdf(4, 3, 2)),
        ("nttail(10, 1, 2)", stats.nct.sf(2, 10, 1)),
        ("nFtail(3, 20, 2, 2.5)", stats.ncf.sf(2.5, 3, 20, 2)),
        ("tukeyprob(3, 10, 3.5)", stats.studentized_range.cdf(3.5, 3, 10)),
        ("invtukeyprob(3, 10, .95)", stats.studentized_range.ppf(0.95, 3, 10)),
    ],
    "beta_gamma_and_others": [
        ("ibeta(2, 3, .4)", stats.beta.cdf(0.4, 2, 3)),
        ("ibetatail(2, 3, .4)", stats.beta.sf(0.4, 2, 3)),
        ("invibeta(2, 3, .5)", stats.beta.ppf(0.5, 2, 3)),
        ("betaden(2, 3, .4)", stats.beta.pdf(0.4, 2, 3)),
        ("gammap(2, 1.5)", stats.gamma.cdf(1.5, 2)),
        ("gammaptail(2, 1.5)", stats.gamma.sf(1.5, 2)),
        ("invgammap(2, .5)", stats.gamma.ppf(0.5, 2)),
        ("gammaden(2, 3, 1, 4)", stats.gamma.pdf(4, 2, loc=1, scale=3)),
        ("exponential(2, 3)", stats.expon.cdf(3, scale=2)),
        ("logistic(1)", stats.logistic.cdf(1)),
        ("invlogistic(.8)", stats.logistic.ppf(0.8)),
        ("weibull(2, 3, 1)", stats.weibull_min.cdf(1, 2, scale=3)),
        ("weibulltail(2, 3, 1)", stats.weibull_min.sf(1, 2, scale=3)),
        ("cauchy(0, 1, 1)", 0.75),
        ("laplace(0, 1, 1)", stats.laplace.cdf(1)),
    ],
    "discrete": [
        ("binomial(10, 3, .4)", stats.binom.cdf(3, 10, 0.4)),
        ("binomialp(10, 3, .4)", stats.binom.pmf(3, 10, 0.4)),
        ("binomialtail(10, 3, .4)", stats.binom.sf(2, 10, 0.4)),
        ("poisson(2.5, 3)", stats.poisson.cdf(3, 2.5)),
        ("poissonp(2.5, 3)", stats.poisson.pmf(3, 2.5)),
        ("poissontail(2.5, 3)", stats.poisson.sf(2, 2.5)),
        ("nbinomialp(4, 3, .5)", stats.nbinom.pmf(3, 4, 0.5)),
        ("nbinomial(4, 3, .5)", stats.nbinom.cdf(3, 4, 0.5)),
        ("hypergeometricp(20, 7, 5, 2)", stats.hypergeom.pmf(2, 20, 7, 5)),
        ("hypergeometric(20, 7, 5, 2)", stats.hypergeom.cdf(2, 20, 7, 5)),
    ],
}


def main() -> None:
    print('command = "functions"')
    for name, rows in ROWS.items():
        print(f'\n[[case]]\nid = "{name}"\nsource = "functions_distribution.py: scipy.stats"')
        print("do = 'display 1'\n[case.value]")
        for expression, value in rows:
            print(f"'{expression}' = {float(value)!r}")


if __name__ == "__main__":
    main()
