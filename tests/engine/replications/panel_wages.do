* Union and marriage premia for young men: pooled, random-effects and fixed-effects estimates
* data: wagepan
* outputs: panel_wages.log by_year.svg wide.dta panel.rtf event.svg
* Published: J. Wooldridge, Introductory Econometrics, table 14.2 (example 14.4); F. Vella and M. Verbeek (1998)
version 17
clear all
set more off
capture log close
log using "panel_wages.log", replace

use "data/wagepan.dta", clear
xtset nr year
assert "`r(balanced)'" == "strongly balanced"
xtdescribe
xtsum lwage married union exper
assert r(N) == 4360 & r(n) == 545
duplicates report nr year
duplicates tag nr year, generate(dup)
assert dup == 0
drop dup

label variable lwage "Log hourly wage"
label variable union "Union member"
label variable married "Married"
generate expersq2 = exper^2
capture confirm variable expersq
if _rc {
    rename expersq2 expersq
}
else {
    assert expersq == expersq2
    drop expersq2
}

*--- transitions in and out of the union ---------------------------
sort nr year
by nr: generate t = _n
by nr (year): generate byte joins = union == 1 & union[_n-1] == 0 if _n > 1
by nr: egen ever = max(union)
by nr: egen always = min(union)
generate byte switcher = ever == 1 & always == 0
egen tag = tag(nr)
tabulate switcher if tag
tabulate union married, row nofreq
assert L.union == union[_n-1] if nr == nr[_n-1]
generate dlwage = D.lwage
count if missing(dlwage)
assert r(N) == 545

*--- table 14.2 -----------------------------------------------------
local tv exper expersq married union
local ti educ black hisp
regress lwage `ti' `tv' i.year
assert abs(_b[educ] - .091) < .0005
assert abs(_b[black] + .139) < .0005
assert abs(_b[exper] - .067) < .0005
assert abs(_b[married] - .108) < .0005
assert abs(_b[union] - .182) < .0005
assert abs(_se[union] - .017) < .0005
estimates store ols
regress lwage `ti' `tv' i.year, vce(cluster nr)
assert e(N_clust) == 545
assert _se[union] > .02
estimates store ols_cl

xtreg lwage `ti' `tv' i.year, re
assert abs(_b[educ] - .092) < .0005
assert abs(_se[educ] - .011) < .0005
assert abs(_b[exper] - .106) < .0005
assert abs(_b[married] - .064) < .0005
assert abs(_b[union] - .106) < .0005
assert abs(_se[union] - .018) < .0005
estimates store re
xttest0

xtreg lwage expersq married union i.year, fe
assert abs(_b[expersq] + .0052) < .00005
assert abs(_b[married] - .047) < .0005
assert abs(_se[married] - .018) < .0005
assert abs(_b[union] - .080) < .0005
assert abs(_se[union] - .019) < .0005
estimates store fe
predict double ufe, u
predict double efe, e
summarize efe, meanonly
assert abs(r(mean)) < 1e-8

areg lwage expersq married union i.year, absorb(nr) vce(cluster nr)
assert abs(_b[union] - .080) < .0005
xtreg lwage expersq married union i.year, fe vce(cluster nr)
estimates store fe_cl
test married = union
xtreg lwage `ti' `tv', be
quietly xtreg lwage expersq married union d81-d87, re
estimates store re2
quietly xtreg lwage expersq married union d81-d87, fe
hausman . re2
assert r(df) >= 3 & r(chi2) > 0
estimates table ols re fe, keep(educ black hisp exper expersq married union) b(%7.4f) se(%7.4f) stats(N N_g)
esttab ols ols_cl re fe fe_cl using panel.rtf, replace keep(educ black hisp exper expersq married union) ///
    se b(3) nogaps mtitles("OLS" "OLS cl." "RE" "FE" "FE cl.") scalars("N_g Men") 

*--- first differences ----------------------------------------------
regress D.(lwage married union expersq) i.year, vce(cluster nr)
assert e(N) == 3815

*--- event study around first joining a union -------------------------
by nr: egen first = min(cond(joins == 1, year, .))
generate rel = year - first
local events
forvalues k = 4(-1)2 {
    generate byte lead`k' = cond(`k' == 4, rel <= -4, rel == -`k') if !missing(rel)
    replace lead`k' = 0 if missing(rel)
    local events `events' lead`k'
}
forvalues k = 0/3 {
    generate byte lag`k' = cond(`k' == 3, rel >= 3, rel == `k') if !missing(rel)
    replace lag`k' = 0 if missing(rel)
    local events `events' lag`k'
}
xtreg lwage `events' married expersq i.year if always == 0, fe vce(cluster nr)
test lead4 lead3 lead2
scalar pretrend = r(p)
assert pretrend > .01
tempname ES
tempfile path
postfile `ES' int(rel) double(b lo hi) using `path'
post `ES' (-1) (0) (0) (0)
foreach v of local events {
    local k = substr("`v'", -1, 1)
    local at = cond(substr("`v'", 1, 4) == "lead", -`k', `k')
    local half = invttail(e(df_r), .025) * _se[`v']
    post `ES' (`at') (_b[`v']) (_b[`v'] - `half') (_b[`v'] + `half')
}
postclose `ES'
preserve
use `path', clear
sort rel
assert _N == 8 & rel[1] == -4
twoway (rcap lo hi rel) (connected b rel), xline(-.5, lpattern(dash)) yline(0) legend(off) ///
    xtitle("Years since joining") ytitle("Effect on log wage")
graph export event.svg, replace
restore

*--- within transformation by hand ----------------------------------
foreach v of varlist lwage married union expersq d81-d87 {
    quietly egen double m_`v' = mean(`v'), by(nr)
    quietly generate double w_`v' = `v' - m_`v'
}
quietly regress w_lwage w_married w_union w_expersq w_d81-w_d87, noconstant
scalar b_hand = _b[w_union]
quietly xtreg lwage married union expersq d81-d87, fe
assert reldif(_b[union], b_hand) < 1e-8
drop m_* w_*

*--- wide form and back ----------------------------------------------
preserve
keep nr year lwage union educ
reshape wide lwage union, i(nr) j(year)
assert _N == 545
egen nunion = rowtotal(union1980-union1987)
egen lw_mean = rowmean(lwage*)
correlate lwage1980 lwage1987
regress lwage1987 lwage1980 educ nunion
save wide.dta, replace
reshape long
assert _N == 4360
restore

*--- figure ----------------------------------------------------------
preserve
collapse (mean) lwage (sd) sd = lwage, by(year union)
xtset union year
twoway (connected lwage year if union) (connected lwage year if !union), ///
    legend(order(1 "Union" 2 "Not union") position(6) rows(1)) ytitle("Mean log wage") xlabel(1980(1)1987)
graph export by_year.svg, replace
restore
log close
