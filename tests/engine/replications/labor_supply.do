* Labor supply of married women: binary, censored and instrumental-variables models
* data: mroz
* outputs: labor_supply.log inlf_by_kids.svg margins.csv
* Published: J. Wooldridge, Introductory Econometrics, (7.29), tables 17.1 and 17.2, examples 15.1 and 15.5
version 17
clear all
set more off
capture log close
log using labor_supply, replace text

*---- programs ----------------------------------------------------
capture program drop close_to
program define close_to
    * close_to value target [, Digits(#)]: the value rounds to the published number
    syntax anything [, Digits(integer 3)]
    gettoken got want : anything
    local tol = .5 * 10^(-`digits') + 1e-9
    scalar __diff = abs((`got') - (`want'))
    if __diff > `tol' {
        display as error "`got' is " `got' ", published `want'"
        exit 9
    }
end

program define kids_table, rclass
    syntax varlist(min=1 max=1) [if] [in], BY(varname) [SAVEAS(string)]
    marksample touse
    markout `touse' `by'
    quietly levelsof `by' if `touse', local(levels)
    local k : word count `levels'
    tempname M
    matrix `M' = J(`k', 3, .)
    local i 0
    foreach l of local levels {
        local ++i
        quietly summarize `varlist' if `touse' & `by' == `l'
        matrix `M'[`i', 1] = `l'
        matrix `M'[`i', 2] = r(mean)
        matrix `M'[`i', 3] = r(N)
    }
    matrix colnames `M' = level mean n
    matrix list `M', format(%9.3f) title("Mean of `varlist' by `by'")
    return matrix table = `M'
    return scalar groups = `k'
end

*---- data --------------------------------------------------------
use data/mroz, clear
label data "PSID 1975, married women"
notes: T. Mroz (1987), Econometrica 55
summarize inlf hours wage educ exper age kidslt6 kidsge6 nwifeinc
quietly count if inlf == 1
assert r(N) == 428
generate byte anykids = kidslt6 > 0
label define anykids 0 "No young children" 1 "Young children"
label values anykids anykids
kids_table inlf, by(kidslt6)
assert r(groups) == 4
matrix K = r(table)
assert K[1,2] > K[2,2]
misstable summarize wage lwage
codebook inlf kidslt6, compact

local x nwifeinc educ exper expersq age kidslt6 kidsge6

*---- linear probability model: (7.29) ----------------------------
regress inlf `x', vce(robust)
close_to _b[educ] .038
close_to _b[nwifeinc] -.0034, digits(4)
close_to _b[kidslt6] -.262
close_to _b[kidsge6] .013
close_to e(r2) .264
predict lpm
count if lpm < 0 | lpm > 1
assert r(N) == 33
estimates store lpm

*---- logit and probit: table 17.1 ---------------------------------
logit inlf `x'
close_to _b[educ] .221
close_to _b[kidslt6] -1.443
close_to _b[age] -.088
close_to e(ll) -401.77, digits(2)
close_to e(r2_p) .220
estat classification
close_to r(P_corr) 73.6, digits(1)
margins, dydx(*)
estimates store logit
probit inlf `x'
close_to _b[educ] .131
close_to _b[exper] .123
close_to _b[kidslt6] -.868
close_to e(ll) -401.30, digits(2)
estimates store probit
predict phat, pr
correlate phat lpm
assert r(rho) > .95
quietly margins, dydx(educ kidslt6) post
close_to _b[educ] .039
close_to _b[kidslt6] -.261

* nested tests
quietly logit inlf `x'
estimates store full
quietly logit inlf nwifeinc educ exper expersq age
lrtest full .
assert r(df) == 2 & r(p) < .001
estimates table lpm logit probit, b(%8.3f) star stats(N ll r2_p)

*---- hours: table 17.2 --------------------------------------------
regress hours `x'
close_to _b[educ] 28.76, digits(2)
close_to _b[kidslt6] -442.09, digits(2)
close_to e(r2) .266
tobit hours `x', ll(0)
close_to _b[nwifeinc] -8.81, digits(2)
close_to _b[educ] 80.65, digits(2)
close_to _b[exper] 131.56, digits(2)
close_to _b[kidslt6] -894.02, digits(2)
close_to e(ll) -3819.09, digits(2)

*---- return to schooling: examples 15.1 and 15.5 ------------------
regress lwage educ
close_to _b[educ] .109
close_to _se[educ] .014
regress educ fatheduc if !missing(lwage)
close_to _b[fatheduc] .269
close_to e(r2) .173
ivregress 2sls lwage (educ = fatheduc), small
close_to _b[educ] .059
close_to _se[educ] .035
ivregress 2sls lwage exper expersq (educ = motheduc fatheduc), small
close_to _b[educ] .061
close_to _se[educ] .031
close_to _b[exper] .044
close_to e(r2) .136
assert e(N) == 428
estat firststage
estat overid
close_to r(p_sargan) .54, digits(2)
quietly ivregress 2sls lwage exper expersq (educ = motheduc fatheduc)
estat endogenous

*---- results file and figure --------------------------------------
tempname handle
postfile `handle' str12 term double(b se) using "margins_long", replace
quietly logit inlf `x'
quietly margins, dydx(*) post
foreach v of local x {
    post `handle' ("`v'") (_b[`v']) (_se[`v'])
}
postclose `handle'
preserve
use margins_long, clear
list, noobs clean
assert _N == 7
export delimited using margins.csv, replace
erase margins_long.dta
restore
graph bar (mean) inlf, over(kidslt6) ytitle("Share in the labor force") title("Participation by young children")
graph export "inlf_by_kids.svg", replace
log close
