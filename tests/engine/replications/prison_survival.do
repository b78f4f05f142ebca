* Time until return to prison: a cohort analysed with survival methods
* data: recid
* outputs: prison_survival.log km.png cumhaz.svg recid_models.rtf cohort_flow.txt
* Published: J. Wooldridge, Introductory Econometrics, table 17.4 (censored regression of log duration)
version 17
clear all
set more off
capture log close _all
log using prison_survival.log, replace name(main)

*---------------------------------------------------------------- cohort
use data/recid, clear
count
local start = r(N)
assert `start' == 1445
generate int subject = _n
generate byte event = 1 - cens
label variable durat "Months until return"
label variable event "Returned to prison"
label variable workprg "Work program"
label define yn 0 "No" 1 "Yes"
label values workprg married felon alcohol drugs black event yn
egen agegrp = cut(age), at(0 240 300 360 480 1000) icodes
label define agegrp 0 "<20" 1 "20-24" 2 "25-29" 3 "30-39" 4 "40+"
label values agegrp agegrp
tabulate agegrp event, row chi2
recode priors (0 = 0 "none") (1/2 = 1 "1-2") (3/max = 2 "3+"), generate(priorgrp)
tab1 priorgrp workprg
count if event
assert r(N) == 552
file open flow using cohort_flow.txt, write replace
file write flow "Released" _tab (`start') _n
foreach g in 0 1 {
    quietly count if workprg == `g'
    file write flow "Work program `g'" _tab %6.0f (r(N)) _n
    quietly count if workprg == `g' & event
    file write flow "  returned" _tab %6.0f (r(N)) _n
}
file close flow

*---------------------------------------------------------------- baseline table, by arm
tempname T
matrix `T' = J(6, 4, .)
local i = 0
local names
foreach v of varlist priors tserved age educ black alcohol {
    local ++i
    quietly ttest `v', by(workprg) unequal
    matrix `T'[`i', 1] = r(mu_1)
    matrix `T'[`i', 2] = r(mu_2)
    matrix `T'[`i', 3] = (r(mu_2) - r(mu_1)) / sqrt((r(sd_1)^2 + r(sd_2)^2) / 2)
    matrix `T'[`i', 4] = r(p)
    local names `names' `v'
}
matrix rownames `T' = `names'
matrix colnames `T' = control program smd p
matlist `T', format(%9.3f) title("Balance at release")
assert abs(`T'[3, 3]) < .5

*---------------------------------------------------------------- survival
stset durat, failure(event) id(subject)
assert r(N_fail) == 552 | _N == 1445
stdescribe
stsum, by(workprg)
sts list, at(12 24 36 48 60 72)
sts test workprg
sts test workprg, wilcoxon
strate workprg, per(1000)
stir workprg
sts graph, by(workprg) risktable title("Time at liberty") xtitle("Months") ytitle("Share not returned") ///
    legend(order(1 "No program" 2 "Program")) name(km, replace)
graph export km.png, replace
sts graph, cumhaz by(priorgrp) name(ch, replace)
graph export cumhaz.svg, replace

*---------------------------------------------------------------- Cox models
stcox i.workprg, nolog
estimates store crude
local covs priors tserved felon alcohol drugs black married educ age
stcox i.workprg `covs', nolog vce(robust)
assert e(N_fail) == 552
estimates store adjusted
lincom 1.workprg, hr
test black drugs alcohol
estat phtest
estat concordance
stcox workprg `covs', nolog nohr
predict double xb, xb
xtile risk = xb, nquantiles(4)
tabulate risk event, row
stcox i.workprg##i.priorgrp, nolog
testparm i.workprg#i.priorgrp
stcox i.workprg `covs', strata(agegrp) nolog

*---------------------------------------------------------------- table 17.4: log-normal duration
streg workprg priors tserved felon alcohol drugs black married educ age, distribution(lognormal) time nolog
assert abs(_b[workprg] + .063) < .0005
assert abs(_b[priors] + .137) < .0005
assert abs(_se[priors] - .021) < .0005
assert abs(_b[tserved] + .019) < .0005
assert abs(_b[felon] - .444) < .0005
assert abs(_b[alcohol] + .635) < .0005
assert abs(_b[drugs] + .298) < .0005
assert abs(_b[black] + .543) < .0005
assert abs(_b[married] - .341) < .0005
assert abs(_se[married] - .140) < .0005
assert abs(_b[_cons] - 4.099) < .0005
assert abs(e(sigma) - 1.810) < .0005
assert abs(e(ll) + 1597.06) < .005
estimates store lognormal
* the same likelihood as a censored regression of the log of time
generate double lower = ln(durat)
generate double upper = cond(cens == 1, ., ln(durat))
intreg lower upper workprg priors tserved felon alcohol drugs black married educ age, nolog
assert abs(_b[alcohol] + .635) < .0005
streg workprg `covs', distribution(weibull) nolog
estimates store weibull
estimates stats lognormal weibull
esttab crude adjusted using recid_models.rtf, replace eform ci(2) b(2) wide label mtitles("Crude" "Adjusted") ///
    nobaselevels title("Hazard ratios")

*---------------------------------------------------------------- person-time by period of follow-up
preserve
stsplit period, at(0 12 24 48)
bysort period: egen events = total(_d)
generate double exposure = _t - _t0
collapse (sum) exposure (sum) returns = _d, by(period)
generate rate = 1000 * returns / exposure
format rate %6.2f
list period returns exposure rate, noobs separator(0)
quietly summarize returns
assert r(sum) == 552
assert rate[1] > rate[_N]
restore

*---------------------------------------------------------------- risk within two years, risk ratios and differences
generate byte within24 = event & durat <= 24
cs within24 alcohol
local rr = r(rr)
glm within24 i.alcohol, family(binomial) link(log) eform nolog
assert abs(exp(_b[1.alcohol]) - `rr') < 1e-5
poisson within24 i.alcohol age, irr vce(robust) nolog
logistic within24 i.alcohol i.drugs priors age
estat gof, group(10)
lroc, nograph
assert r(area) > .6
margins alcohol
margins, dydx(alcohol)
cc within24 drugs, woolf
mhodds within24 drugs, by(agegrp)
tabulate agegrp, summarize(within24) means
ranksum durat, by(alcohol)
stset, clear
log close main
