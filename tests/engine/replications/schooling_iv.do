* Returns to schooling with college proximity as instrument
* data: card
* outputs: schooling_iv.log iv_table.tex first_stage.svg robustness.dta robustness.svg
* Published: J. Wooldridge, Introductory Econometrics, example 15.4 and table 15.1; D. Card (1995)
version 17
clear all
macro drop _all
set more off
set seed 20240117
cap log close
log using schooling_iv.log, replace

global data "data"
global X exper expersq black smsa south smsa66
global regions reg662 reg663 reg664 reg665 reg666 reg667 reg668 reg669

program define published
    version 17
    args value target digits
    local got = string(`value', "%20.`digits'f")
    local want = string(`target', "%20.`digits'f")
    if "`got'" != "`want'" {
        di as err "got `got', published `want'"
        exit 9
    }
end

*================================================================ data
use "$data/card.dta", clear
describe id educ wage nearc4, fullnames
assert _N == 3010
isid id
foreach v of varlist fatheduc motheduc IQ KWW {
    quietly count if missing(`v')
    display "`v'" _col(15) %6.0fc r(N) " missing"
    generate byte miss_`v' = missing(`v')
    quietly summarize `v'
    quietly replace `v' = r(mean) if missing(`v')
    assert !missing(`v')
}
label variable educ "Years of schooling"
label variable nearc4 "Grew up near a four-year college"
label define race 0 "White" 1 "Black"
label values black race
codebook nearc4 black, compact
tabulate nearc4 black, column chi2
by nearc4, sort: summarize educ lwage
ttest educ, by(nearc4) unequal

* balance of the instrument
tempname B
tempfile balance
postfile `B' str20 variable double(near far diff t) using `balance'
foreach v of varlist age black south66 smsa66 miss_IQ fatheduc motheduc {
    quietly regress `v' nearc4, vce(robust)
    local d = _b[nearc4]
    local t = _b[nearc4] / _se[nearc4]
    quietly summarize `v' if nearc4 == 1
    local m1 = r(mean)
    quietly summarize `v' if nearc4 == 0
    post `B' ("`v'") (`m1') (r(mean)) (`d') (`t')
}
postclose `B'
preserve
use `balance', clear
format near far diff %9.3f
format t %6.2f
assert abs(near - far - diff) < 1e-6
list, noobs abbreviate(12)
restore

*================================================================ estimates
eststo clear
eststo ols: regress lwage educ $X $regions
published _b[educ] .075 3
published _se[educ] .003 3
published _b[exper] .085 3
published _b[black] -.199 3
published e(r2) .300 3
estadd local method "OLS"

* reduced form for schooling
eststo first: regress educ nearc4 $X $regions
published _b[nearc4] .320 3
published _se[nearc4] .088 3
test nearc4
scalar F1 = r(F)
estadd scalar Fstat = F1
estadd local method "First stage"
assert inrange(F1, 13, 14)

eststo iv: ivregress 2sls lwage $X $regions (educ = nearc4), small first
published _b[educ] .132 3
published _se[educ] .055 3
published _b[exper] .108 3
published _b[black] -.147 3
published _b[smsa] .112 3
published e(r2) .238 3
estadd local method "2SLS"
estadd scalar Fstat = F1
estat firststage
estat endogenous

eststo iv2: ivregress 2sls lwage $X $regions (educ = nearc2 nearc4), vce(robust)
estat overid
assert r(p_score) > .05
estadd local method "2SLS"
eststo gmm: ivregress gmm lwage $X $regions (educ = nearc2 nearc4)
eststo liml: ivregress liml lwage $X $regions (educ = nearc2 nearc4)
assert abs(_b[educ] - .157) < .02

* control function gives the 2SLS coefficient
quietly regress educ nearc4 $X $regions
predict double v, resid
quietly regress lwage educ v $X $regions
scalar cf = _b[educ]
quietly ivregress 2sls lwage $X $regions (educ = nearc4)
assert reldif(cf, _b[educ]) < 1e-7

* Wald estimator by hand, without covariates
foreach y in lwage educ {
    forvalues z = 0/1 {
        quietly summarize `y' if nearc4 == `z', meanonly
        local `y'`z' = r(mean)
    }
}
local wald = (`lwage1' - `lwage0') / (`educ1' - `educ0')
quietly ivregress 2sls lwage (educ = nearc4)
assert reldif(_b[educ], `wald') < 1e-6
display as text "Wald estimate: " as result %6.4f `wald'

esttab ols iv iv2 liml, keep(educ $X) b(3) se(3) stats(method N r2, labels("Estimator" "Observations" "R2") fmt(0 0 3))
esttab ols first iv using iv_table.tex, replace booktabs label se ///
    indicate("Region effects = reg66*") scalars("Fstat First-stage F" "method Estimator") sfmt(2) ///
    addnotes("Card's data, 1976") mtitles("OLS" "Schooling" "IV") title("Returns to schooling")
type iv_table.tex

*================================================================ heterogeneity by subsample
capture postutil clear
tempname H
postfile `H' int spec str30 label double(b lo hi) long n using robustness.dta, replace
local spec = 0
foreach cond in "1" "black == 0" "black == 1" "south66 == 0" "age <= 28" "age > 28" {
    local ++spec
    quietly regress lwage educ exper expersq black smsa south if `cond', vce(robust)
    local half = invttail(e(df_r), .025) * _se[educ]
    post `H' (`spec') (`"`cond'"') (_b[educ]) (_b[educ] - `half') (_b[educ] + `half') (e(N))
}
postclose `H'
preserve
use robustness.dta, clear
assert lo < b & b < hi
list, separator(0)
twoway (rcap lo hi spec) (scatter b spec), yline(0) legend(off) xtitle("Sample") ytitle("Return to schooling") ///
    xlabel(1 "All" 2 "White" 3 "Black" 4 "Not South" 5 "Young" 6 "Older", angle(45))
graph export robustness.svg, replace
restore
preserve
collapse educ (semean) se = educ, by(nearc4 black)
generate hi = educ + 1.96 * se
generate lo = educ - 1.96 * se
generate x = nearc4 + cond(black == 1, .1, -.1)
twoway (bar educ x if black == 0, barwidth(.18)) (bar educ x if black == 1, barwidth(.18)) (rcap hi lo x), ///
    legend(order(1 "White" 2 "Black")) xlabel(0 "Far" 1 "Near") ytitle("Mean schooling")
graph export first_stage.svg, replace
restore
log close
exit
