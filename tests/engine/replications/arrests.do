* Arrests and expected punishment: linear and count models
* data: crime1
* outputs: arrests.log arrests.html figures/counts.svg
* Published: J. Wooldridge, Introductory Econometrics, examples 3.5 and 5.3, tables 17.3 (OLS and Poisson), 9.1
version 17
clear all
set more off
capture log close
log using arrests.log, replace
capture mkdir figures

local outcome narr86
local controls pcnv avgsen tottime ptime86 qemp86
local people inc86 black hispan born60

*------------------------------------------------------------- sample
use data/crime1, clear
keep narr86-born60
order narr86 pcnv
count
assert r(N) == 2725
label var narr86 "Arrests in 1986"
label var pcnv "Proportion of prior convictions"
label var inc86 "Legal income, hundreds of dollars"
notes narr86: men born in California in 1960 or 1961
notes list narr86
tab narr86
quietly tab narr86, matcell(freq) matrow(vals)
local zeros = freq[1,1]
display "Share without arrests: " %5.3f `zeros'/_N
assert abs(`zeros'/_N - .723) < .0005
generate byte any = narr86 > 0 if narr86 < .
egen race = group(black hispan), label
tab race, sort
tabstat narr86 any pcnv avgsen inc86, statistics(mean sd min max n) columns(statistics) longstub
histogram narr86, discrete percent xtitle("Arrests") name(h, replace)
graph export figures/counts.svg, replace

*------------------------------------------------------------- example 3.5
regress narr86 pcnv ptime86 qemp86
assert abs(_b[_cons] - .712) < .0005
assert abs(_b[pcnv] + .150) < .0005
assert abs(_b[ptime86] + .034) < .0005
assert abs(_b[qemp86] + .104) < .0005
assert abs(e(r2) - .0413) < .00005
regress narr86 pcnv avgsen ptime86 qemp86
assert abs(_b[avgsen] - .0074) < .00005
assert abs(e(r2) - .0422) < .00005

*------------------------------------------------------------- example 5.3: LM test
quietly regress narr86 pcnv ptime86 qemp86
predict double u, residuals
quietly regress u pcnv avgsen tottime ptime86 qemp86
scalar LM = e(N)*e(r2)
display "LM = " %5.2f LM "  p = " %5.3f chi2tail(2, LM)
assert abs(LM - 4.09) < .025
assert abs(chi2tail(2, LM) - .129) < .003

*------------------------------------------------------------- table 17.3
eststo clear
eststo ols: regress `outcome' `controls' `people'
assert abs(_b[pcnv] + .132) < .0005
assert abs(_b[black] - .327) < .0005
assert abs(_b[_cons] - .577) < .0005
assert abs(e(r2) - .073) < .0007
eststo poisson: poisson `outcome' `controls' `people', nolog
assert abs(_b[pcnv] + .402) < .0005
assert abs(_se[pcnv] - .085) < .0005
assert abs(_b[ptime86] + .099) < .0005
assert abs(_b[inc86] + .0081) < .00005
assert abs(_b[black] - .661) < .0005
assert abs(_se[black] - .074) < .0005
assert abs(_b[hispan] - .500) < .0005
assert abs(_b[_cons] + .600) < .0005
assert abs(e(ll) + 2248.76) < .005
estat gof
margins, dydx(pcnv black)
predict double mu, n
generate double pearson = (narr86 - mu)^2 / mu
quietly summarize pearson
scalar sigma = sqrt(r(sum) / (e(N) - e(df_m) - 1))
display "sigma = " %6.3f sigma
assert abs(sigma - 1.232) < .0005
eststo qmle: poisson `outcome' `controls' `people', vce(robust) irr
assert _se[pcnv] > .085
glm `outcome' `controls' `people', family(poisson) link(log) scale(x2) nolog
assert abs(_se[pcnv] - .085 * sigma) < .001
eststo nb: nbreg `outcome' `controls' `people', nolog
assert e(alpha) > 0
estimates stats ols poisson nb
zip `outcome' `controls', inflate(inc86) nolog
logit any `controls' `people', or nolog
lroc, nograph
assert inrange(r(area), .6, .75)
estat classification, cutoff(.3)

esttab ols poisson qmle nb, drop(lnalpha) se star(* .1 ** .05 *** .01)
esttab ols poisson qmle using arrests.html, replace label se pr2 r2 nogaps compress ///
    order(pcnv black hispan) coeflabels(pcnv "Conviction rate" _cons "Constant") nonumbers mtitles("OLS" "Poisson" "QMLE")
estimates restore poisson
estimates replay poisson

*------------------------------------------------------------- table 9.1: squares
generate double pt86sq = ptime86^2
generate double pcnvsq = pcnv^2
generate double inc86sq = inc86^2
regress narr86 pcnv pcnvsq avgsen tottime ptime86 pt86sq qemp86 inc86 inc86sq black hispan
assert abs(_b[pcnv] - .553) < .0005
assert abs(_b[pcnvsq] + .730) < .0005
assert abs(_b[ptime86] - .287) < .0005
assert abs(e(r2) - .1035) < .00005
test pcnvsq pt86sq inc86sq
assert r(F) > 20

*------------------------------------------------------------- nonparametric look
xtile decile = pcnv if pcnv > 0, nquantiles(5)
replace decile = 0 if pcnv == 0
tabstat narr86, by(decile) statistics(mean semean n)
oneway narr86 race, tabulate bonferroni
kwallis narr86, by(race)
spearman narr86 pcnv inc86
bysort race (narr86): generate topk = _n > _N - 5
list narr86 pcnv inc86 race if topk, sepby(race) noobs
log close
