* Fertility over cohorts and the changing return to education: pooled cross sections
* data: fertil1 cps78_85
* outputs: pooled_cross_sections.log years.svg pooled.csv kids_by_year.xlsx
* Published: J. Wooldridge, Introductory Econometrics, examples 13.1 and 13.2, table 13.1
version 17
clear all
set more off
capture log close
log using pooled_cross_sections.log, replace

/* ------------------------------------------------------------------
   Part A: fertility. The years come in one file; split and append it
   as one does with separate yearly files.
   ------------------------------------------------------------------ */
use data/fertil1.dta, clear
levelsof year, local(years)
local nyears : word count `years'
assert `nyears' == 7
foreach y of local years {
    tempfile f`y'
    preserve
    keep if year == `y'
    drop year
    save `f`y''
    restore
}
clear
foreach y of local years {
    append using `f`y'', generate(new)
    capture confirm variable year
    if _rc generate int year = .
    replace year = 1900 + `y' if new == 1
    drop new
}
assert _N == 1129
tabulate year, missing
assert year < .
label data "General Social Survey, women 35 to 54"

recode educ (min/11 = 1) (12 = 2) (13/15 = 3) (16/max = 4), gen(edcat)
label define edcat 1 "<12" 2 "12" 3 "13-15" 4 "16+"
label values edcat edcat
egen region = rowmax(east northcen west)
generate str9 area = "South"
replace area = "East" if east == 1
replace area = "North" if northcen == 1
replace area = "West" if west == 1
encode area, generate(area_n)
decode area_n, generate(area_s)
assert area == area_s
tab area_n, nolabel
assert (region == 0) == (area == "South")
collapse (count) n = kids (mean) kids educ (sd) sd = kids, by(year)
list, clean
assert abs(kids[1] - 3.03) < .01
export excel using kids_by_year.xlsx, firstrow(variables) replace
twoway (connected kids year, yaxis(1)) (line educ year, yaxis(2) lpattern(dash)), ytitle("Children", axis(1)) ///
    ytitle("Schooling", axis(2)) xlabel(1972(2)1984) legend(order(1 "Children" 2 "Schooling"))
graph export years.svg, replace
import excel using kids_by_year.xlsx, firstrow clear
assert _N == 7
assert year[7] == 1984

* table 13.1
use data/fertil1.dta, clear
regress kids educ age agesq black east northcen west farm othrural town smcity y74-y84
assert abs(_b[educ] + .128) < .0005
assert abs(_se[educ] - .018) < .0005
assert abs(_b[age] - .532) < .0005
assert abs(_b[agesq] + .0058) < .00005
assert abs(_b[black] - 1.076) < .0005
assert abs(_b[y74] - .268) < .0005
assert abs(_b[y82] + .522) < .0005
assert abs(_b[y84] + .545) < .0005
assert abs(_b[_cons] + 7.742) < .0005
assert abs(e(r2) - .1295) < .00005
estimates store fertility
testparm y74-y84
assert abs(r(F) - 5.87) < .005
test farm othrural town smcity
assert abs(r(F) - 1.16) < .02
test east northcen west
assert abs(r(F) - 3.01) < .005
display "Peak age: " %4.1f -_b[age]/(2*_b[agesq])
* heteroskedasticity: about 55 with 17 degrees of freedom
quietly predict double e, residuals
quietly generate double e2 = e^2
quietly regress e2 educ age agesq black east northcen west farm othrural town smcity y74-y84
assert round(e(N)*e(r2)) == 55 | round(e(N)*e(r2)) == 56
poisson kids educ c.age##c.age i.black i.year, vce(robust) nolog
margins, at(educ = (8 12 16))
marginsplot, name(mp, replace)
ologit kids educ age black if year >= 82, nolog
reg kids c.educ##i.year c.age##c.age, vce(robust)
margins year, dydx(educ)
test 74.year#c.educ 76.year#c.educ

/* ------------------------------------------------------------------
   Part B: wages 1978 and 1985, example 13.2
   ------------------------------------------------------------------ */
use data/cps78_85.dta, clear
assert inlist(year, 78, 85)
by year, sort: summarize lwage educ female union
regress lwage y85 educ y85educ exper expersq union female y85fem
assert abs(_b[y85] - .118) < .0005
assert abs(_se[y85] - .124) < .0005
assert abs(_b[educ] - .0747) < .00005
assert abs(_b[y85educ] - .0185) < .00005
assert abs(_se[y85educ] - .0094) < .00005
assert abs(_b[union] - .202) < .0005
assert abs(_b[female] + .317) < .0005
assert abs(_b[y85fem] - .085) < .0005
assert abs(_se[y85fem] - .051) < .0005
assert abs(e(r2) - .426) < .0005
estimates store pooled
* the same by factor variables
regress lwage i.y85##(c.educ i.female) exper expersq union
assert abs(_b[1.y85#c.educ] - .0185) < .00005
assert abs(_b[1.y85#1.female] - .085) < .0005
* Chow test
foreach y in 78 85 {
    quietly regress lwage educ exper expersq union female if year == `y'
    scalar ssr`y' = e(rss)
    estimates store y`y'
}
quietly regress lwage educ exper expersq union female y85
scalar ssr_r = e(rss)
scalar F = ((ssr_r - ssr78 - ssr85)/5) / ((ssr78 + ssr85)/(1084 - 12))
display "Chow F(5, 1072) = " %6.3f F "  p = " %6.4f Ftail(5, 1072, F)
quietly regress lwage i.y85##c.(educ exper expersq union female)
testparm i.y85#c.(educ exper expersq union female)
assert reldif(r(F), F) < 1e-8
esttab y78 y85 pooled using pooled.csv, replace se ar2 mtitles(1978 1985 Pooled)
qui su lwage if female, d
di "p90/p10 of log wages, women: " %5.3f r(p90) - r(p10)
log close
