* Workers' compensation and weeks out of work: a natural experiment in two states
* data: injury
* outputs: injury_benefits.log injury_table.tex effects.svg effects.dta
* Published: J. Wooldridge, Introductory Econometrics, example 13.4; B. Meyer, W. Viscusi and D. Durbin (1995)
version 17
clear all
set more off
capture log close
log using "injury_benefits.log", replace

*---------------------------------------------------------------- data
use durat afchnge highearn male married hosp indust injtype age prewage ldurat ky mi totmed using data/injury, clear
count
assert r(N) == 7150
generate byte state = cond(ky == 1, 1, 2)
label define state 1 "Kentucky" 2 "Michigan"
label values state state
label define post 0 "Before" 1 "After"
label values afchnge post
label define high 0 "Low earners" 1 "High earners", modify
label values highearn high
label variable afchnge "After the change"
label variable highearn "High earner"
tabulate state afchnge
table (state highearn) (afchnge), statistic(mean ldurat) nformat(%6.3f) nototals
misstable patterns male married hosp indust injtype age
generate byte complete = !missing(male, married, hosp, indust, injtype, age, totmed, prewage)
tabulate complete state, column
inspect durat
centile durat, centile(10 25 50 75 90)
assert r(c_3) == 4

*---------------------------------------------------------------- example 13.4
regress ldurat afchnge highearn c.afchnge#c.highearn if ky
assert e(N) == 5626
assert abs(_b[_cons] - 1.126) < .0005
assert abs(_b[afchnge] - .0077) < .00005
assert abs(_b[highearn] - .256) < .0005
assert abs(_b[c.afchnge#c.highearn] - .191) < .0005
assert abs(_se[c.afchnge#c.highearn] - .069) < .0005
assert abs(e(r2) - .021) < .0005
estimates store ky

regress ldurat i.afchnge##i.highearn if mi == 1
* computer exercise C13.4: .192 (.154) in Michigan
assert abs(_b[1.afchnge#1.highearn] - .192) < .0005
assert abs(_se[1.afchnge#1.highearn] - .154) < .0005
estimates store mi

*---------------------------------------------------------------- both states, program per state
program define did_effect, eclass
    version 17
    syntax varname [if] [in] [, Treat(varname) POst(varname) COVariates(varlist fv)]
    marksample touse
    markout `touse' `treat' `post'
    tempname b V
    quietly regress `varlist' i.`post'##i.`treat' `covariates' if `touse', vce(robust)
    scalar `b' = _b[1.`post'#1.`treat']
    scalar `V' = _se[1.`post'#1.`treat']^2
    local n = e(N)
    matrix B = (`b')
    matrix W = (`V')
    matrix colnames B = did
    matrix colnames W = did
    matrix rownames W = did
    ereturn post B W, obs(`n') esample(`touse') depname(`varlist')
    ereturn local cmd "did_effect"
    ereturn local treat "`treat'"
    display as text "Effect of `treat' on `varlist'"
    ereturn display
end
did_effect ldurat if state == 1, treat(highearn) post(afchnge)
assert abs(_b[did] - .191) < .0005
assert "`e(cmd)'" == "did_effect"
did_effect ldurat if state == 2, treat(highearn) post(afchnge)
local covs male married i.indust i.injtype
did_effect ldurat if state == 1, treat(highearn) post(afchnge) covariates(`covs')
assert abs(_b[did] - .23) < .01

*---------------------------------------------------------------- pooled, triple difference
regress ldurat i.afchnge##i.highearn##i.ky, vce(robust)
estimates store ddd
lincom 1.afchnge#1.highearn + 1.afchnge#1.highearn#1.ky
assert abs(r(estimate) - .191) < .0005
margins afchnge#highearn, at(ky = 1)
testparm i.afchnge#i.highearn#i.ky
quietly regress ldurat i.afchnge##i.highearn `covs' if ky, vce(cluster indust)
estimates store covs
esttab ky mi ddd covs using injury_table.tex, replace fragment booktabs se b(3) noomitted nobaselevels ///
    indicate("Injury and industry = *.injtype *.indust") mtitles("KY" "MI" "Triple" "Covariates") nonotes
estimates table ky mi ddd, b(%6.3f) se(%6.3f) keep(1.afchnge#1.highearn c.afchnge#c.highearn) stats(N r2)

*---------------------------------------------------------------- effects over groups
tempfile raw
save `raw'
levelsof injtype if ky, local(types)
tempname P
postfile `P' byte type double(effect se) long n using effects, replace
foreach k of local types {
    capture quietly regress ldurat i.afchnge##i.highearn if ky & injtype == `k', robust
    if _rc == 0 {
        post `P' (`k') (_b[1.afchnge#1.highearn]) (_se[1.afchnge#1.highearn]) (e(N))
    }
}
postclose `P'
use effects, clear
generate lo = effect - invnormal(.975) * se
generate hi = effect + invnormal(.975) * se
gsort -n
list type effect se n, clean
assert _N == 8
summarize effect [aweight = n]
twoway (rspike lo hi type) (scatter effect type [aweight = n], msymbol(circle_hollow)), yline(0, lpattern(dash)) ///
    legend(off) xlabel(1(1)8) xtitle("Type of injury") ytitle("Effect on log weeks")
graph export effects.svg, replace
use `raw', clear

*---------------------------------------------------------------- weekly survival of claims
foreach w of numlist 1 2 4 8 16 {
    generate byte out`w' = durat > `w'
    quietly logit out`w' i.afchnge##i.highearn if ky
    quietly margins, dydx(afchnge) over(highearn)
    display "still out after `w' weeks: " %6.3f _b[1.afchnge#1.highearn]
}
drop out*
list age if age > 90 & age < ., noobs
log close
