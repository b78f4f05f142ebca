* A randomised training programme: balance, intention to treat, heterogeneity, randomisation inference
* data: jtrain2
* outputs: training_experiment.log balance.tex itt.tex earnings.png effects.png permuted.dta quantiles.csv
* Published: J. Wooldridge, Introductory Econometrics (jtrain2); LaLonde (1986), experimental estimate 1794 dollars
version 17
clear all
macro drop _all
set more off
set seed 20260101
capture log close
log using training_experiment.log, replace

*---------------------------------------------------------------- globals and programs
global covariates age educ black hisp married nodegree
global baseline re74 re75 unem74 unem75
capture program drop balance_row
program define balance_row, rclass
    version 17
    syntax varname(numeric) [if] [in], TReat(varname) [CONTrols(varlist fv)]
    marksample touse
    quietly {
        summarize `varlist' if `touse' & `treat' == 0
        return scalar m0 = r(mean)
        return scalar s0 = r(sd)
        summarize `varlist' if `touse' & `treat' == 1
        return scalar m1 = r(mean)
        regress `varlist' `treat' `controls' if `touse', vce(robust)
        return scalar diff = _b[`treat']
        return scalar se = _se[`treat']
        return scalar p = 2 * ttail(e(df_r), abs(_b[`treat'] / _se[`treat']))
    }
end

*---------------------------------------------------------------- data
use data/jtrain2, clear
assert _N == 445
tabulate train
count if train == 1
assert r(N) == 185
label variable re78 "Earnings in 1978 (1000s)"
label variable train "Assigned to training"
label define arm 0 "Control" 1 "Training"
label values train arm
generate int person = _n
misstable summarize re78 $covariates $baseline
foreach v of varlist re74 re75 re78 {
    generate byte pos_`v' = `v' > 0 & !missing(`v')
    generate ihs_`v' = asinh(`v')
}
egen stratum = group(nodegree black)
tabulate stratum train
quietly levelsof stratum, local(strata)
display "strata: `strata' (`: word count `strata'')"

*---------------------------------------------------------------- balance
local n : word count $covariates $baseline
matrix B = J(`n', 5, .)
local r = 0
foreach v in $covariates $baseline {
    local ++r
    balance_row `v', treat(train)
    matrix B[`r', 1] = r(m0)
    matrix B[`r', 2] = r(m1)
    matrix B[`r', 3] = r(diff)
    matrix B[`r', 4] = r(se)
    matrix B[`r', 5] = r(p)
    assert abs(r(m1) - r(m0) - r(diff)) < 1e-8
}
matrix rownames B = $covariates $baseline
matrix colnames B = Control Treated Difference SE p
matrix list B, format(%8.3f)
esttab matrix(B, fmt(3)) using balance.tex, replace booktabs nomtitles
regress train $covariates $baseline
test $covariates $baseline
local joint = r(p)
display "joint test of balance: p = " %5.3f `joint'
assert `joint' > .01
logit train $covariates $baseline, nolog
predict double score, pr
summarize score if train, detail

*---------------------------------------------------------------- effects
eststo clear
eststo raw: regress re78 train
assert abs(_b[train] - 1.794) < .0005
assert abs(_se[train] - .633) < .0005
estadd local covariates "No"
quietly summarize re78 if !train
estadd scalar control = r(mean)
assert abs(r(mean) - 4.555) < .0005
eststo robust: regress re78 train, vce(hc3)
assert abs(_b[train] - 1.794) < .0005
estadd local covariates "No"
eststo ancova: regress re78 train $covariates $baseline, vce(robust)
estadd local covariates "Yes"
foreach v of varlist $covariates $baseline {
    quietly summarize `v'
    generate double d_`v' = `v' - r(mean)
}
eststo lin: regress re78 i.train##c.(d_*), vce(robust)
estadd local covariates "Interacted"
areg re78 train, absorb(stratum) vce(robust)
esttab raw robust ancova using itt.tex, replace booktabs keep(train) b(3) se(3) label ///
    stats(covariates control N r2, labels("Covariates" "Control mean" "N" "R2") fmt(%s 3 0 3)) star(* .1 ** .05 *** .01)
foreach y in pos_re78 unem78 {
    quietly regress `y' train, vce(robust)
    display "`y': " %7.4f _b[train] " (" %6.4f _se[train] ")"
}
teffects ra (re78 $covariates) (train)
tobit re78 train, ll(0) nolog
margins, dydx(train) predict(ystar(0, .))
forvalues q = 25(25)75 {
    quietly qreg re78 train, quantile(`q')
    local q`q' = _b[train]
    display "quantile `q': " %6.3f `q`q''
}
assert `q25' <= `q75'

*---------------------------------------------------------------- heterogeneity and multiple testing
regress re78 i.train##i.nodegree, vce(robust)
lincom 1.train + 1.train#1.nodegree
contrast train#nodegree
margins nodegree, dydx(train) post
lincom _b[1.train:1bn.nodegree] - _b[1.train:0bn.nodegree]
matrix P = J(1, 3, .)
local k = 0
foreach y of varlist re78 pos_re78 unem78 {
    local ++k
    quietly regress `y' train, vce(robust)
    matrix P[1, `k'] = 2 * ttail(e(df_r), abs(_b[train] / _se[train]))
}
preserve
clear
svmat P
rename P# p#
generate i = 1
reshape long p, i(i) j(outcome)
sort p
generate double bonferroni = min(1, p * _N)
generate double holm = min(1, p * (_N - _n + 1))
replace holm = max(holm, holm[_n-1]) if _n > 1
format p bonferroni holm %6.4f
list outcome p bonferroni holm, noobs
assert holm <= bonferroni + 1e-12
restore

*---------------------------------------------------------------- randomisation inference
permute train effect = _b[train], reps(100) seed(7) saving(permuted, replace) nodots: regress re78 train
matrix pv = r(p_twosided)
assert pv[1,1] <= .05
bootstrap difference = (r(mu_2) - r(mu_1)), reps(50) seed(3) strata(train) nodots: ttest re78, by(train)
assert abs(_b[difference] - 1.794) < .0005
estat bootstrap, percentile
ranksum re78, by(train)
ksmirnov re78, by(train)

*---------------------------------------------------------------- pictures
twoway (kdensity ihs_re78 if train, lcolor(navy)) (kdensity ihs_re78 if !train, lcolor(maroon) lpattern(dash)), ///
    legend(order(1 "Training" 2 "Control") position(6) rows(1)) xtitle("Transformed earnings") ytitle("Density")
graph export earnings.png, replace
coefplot raw ancova, keep(train) xline(0) vertical levels(95 90) legend(order(2 "Raw" 4 "Covariates"))
graph bar (mean) re78, over(train) over(nodegree, relabel(1 "Degree" 2 "No degree")) blabel(bar, format(%4.2f)) ///
    ytitle("Mean earnings") asyvars
graph export effects.png, replace

*---------------------------------------------------------------- deciles of earnings by arm
preserve
pctile q1 = re78 if train, nquantiles(10)
pctile q0 = re78 if !train, nquantiles(10)
keep in 1/9
generate decile = _n
generate gap = q1 - q0
keep decile q0 q1 gap
export delimited using quantiles.csv, replace
restore
log close
