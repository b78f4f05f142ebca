* Wage equations from the 1976 Current Population Survey extract
* data: wage1
* outputs: wage_profile.svg wage_models.csv wage_equation.log cells.dta
* Published: J. Wooldridge, Introductory Econometrics, examples 2.10, 3.2, 6.2, 7.1, 7.5 and 7.6
version 17
clear all
set more off
set linesize 100
capture log close
log using "wage_equation.log", replace text name(main)

*------------------------------------------------------------------
* 1. Data
*------------------------------------------------------------------
use "data/wage1.dta", clear
describe, short
isid wage educ exper tenure female married numdep smsa northcen south west nonwhite lwage trade services profserv profocc clerocc servocc construc ndurman trcommpu, missok

label define yesno 0 "No" 1 "Yes"
foreach v of varlist female married nonwhite smsa {
    label values `v' yesno
}
label variable lwage  "Log hourly wage"
label variable educ   "Years of schooling"
label variable exper  "Potential experience"
label variable tenure "Years with current employer"
label variable female "Female"
assert !missing(wage, educ, exper, tenure, female, married)
assert reldif(lwage, ln(wage)) < 1e-5
count
assert r(N) == 526

generate byte region = 1*northcen + 2*south + 3*west
label define region 0 "Northeast" 1 "Midwest" 2 "South" 3 "West"
label values region region
recode educ (0/11 = 1 "Less than high school") (12 = 2 "High school") ///
    (13/15 = 3 "Some college") (16/18 = 4 "College"), generate(degree)
label variable degree "Highest degree"
egen expgroup = cut(exper), at(0 5 10 20 30 60) icodes
bysort degree: egen meanwage = mean(wage)
egen wagerank = rank(wage), field
xtile quintile = wage, nq(5)
generate high = wage > meanwage if !missing(wage)

*------------------------------------------------------------------
* 2. Description
*------------------------------------------------------------------
summarize wage educ exper tenure
summarize wage, detail
assert abs(r(mean) - 5.90) < .005
tabulate degree female, row chi2
tabulate region, summarize(wage)
tabstat wage educ exper, by(female) statistics(mean sd p50 n) columns(statistics) format(%8.2f)
table degree female, statistic(mean wage) statistic(frequency) nformat(%6.2f mean)
ttest wage, by(female)
assert r(N_1) == 274 & r(N_2) == 252
* Wooldridge (7.3): the difference in means is 2.51 dollars, t about 8.26
assert abs((r(mu_1) - r(mu_2)) - 2.51) < .005
pwcorr wage educ exper tenure, star(.05) sig

*------------------------------------------------------------------
* 3. Regressions
*------------------------------------------------------------------
global controls educ exper tenure

* Example 2.10
regress lwage educ
assert abs(_b[educ] - .083) < .0005
assert abs(_b[_cons] - .584) < .0005
assert abs(e(r2) - .186) < .0005
estimates store simple

* Example 3.2
regress lwage $controls
assert abs(_b[educ] - .092) < .0005
assert abs(_b[exper] - .0041) < .00005
assert abs(_b[tenure] - .022) < .0005
assert abs(_se[educ] - .007) < .0005
assert abs(e(r2) - .316) < .0005
estimates store basic
predict double resid, residuals
predict yhat
summarize resid, meanonly
assert abs(r(mean)) < 1e-10
estat ovtest
estat hettest

* Example 7.1, in levels
regress wage female $controls
assert abs(_b[female] + 1.81) < .005
assert abs(_se[female] - .26) < .005
assert abs(e(r2) - .364) < .0005

* Example 7.5 with squares
regress lwage i.female educ c.exper##c.exper c.tenure##c.tenure, vce(robust)
assert abs(_b[1.female] + .297) < .0005
assert abs(e(r2) - .441) < .0005
estimates store gender
nlcom (turning: -_b[exper]/(2*_b[c.exper#c.exper]))
matrix T = r(b)
assert inrange(T[1,1], 25, 32)

* Example 7.6: marital status by gender, base group single men
generate marrmale = married * !female
generate marrfem  = married * female
generate singfem  = !married * female
regress lwage marrmale marrfem singfem educ exper expersq tenure tenursq
assert abs(_b[marrmale] - .213) < .0005
assert abs(_b[marrfem] + .198) < .0005
assert abs(_b[singfem] + .110) < .0005
assert abs(e(r2) - .461) < .0005
test marrmale marrfem singfem
assert r(df) == 3 & r(p) < .001
lincom singfem - marrfem
assert abs(r(estimate) - .088) < .0006
estimates store groups

* the same with factor variables
regress lwage i.female##i.married educ c.exper##c.exper c.tenure##c.tenure
assert abs(_b[1.married] - .213) < .0005
testparm i.female#i.married
assert abs(_b[1.female#1.married] + .301) < .0006
margins female, at(married = (0 1))
margins, dydx(educ) 
estimates store interacted

*------------------------------------------------------------------
* 4. Tables
*------------------------------------------------------------------
estimates table simple basic gender groups, b(%7.4f) se(%7.4f) stats(N r2 rmse)
esttab simple basic gender using "wage_models.csv", replace se r2 label
esttab simple basic groups, b(3) se(3) star(* 0.10 ** 0.05 *** 0.01) r2 mtitles("Simple" "Basic" "Groups")

*------------------------------------------------------------------
* 5. Cells by schooling and a figure
*------------------------------------------------------------------
preserve
collapse (mean) mean_wage = wage (sd) sd_wage = wage (count) n = wage (p50) med = wage, by(educ female)
generate se = sd_wage / sqrt(n)
generate hi = mean_wage + 1.96 * se
generate lo = mean_wage - 1.96 * se
assert mean_wage > 0
save "cells.dta", replace
keep if n >= 5
twoway (rcap hi lo educ if female == 0, lcolor(navy)) ///
       (connected mean_wage educ if female == 0, mcolor(navy) lcolor(navy)) ///
       (rcap hi lo educ if female == 1, lcolor(maroon)) ///
       (connected mean_wage educ if female == 1, mcolor(maroon) lcolor(maroon)), ///
       ytitle("Mean hourly wage (1976 dollars)") xtitle("Years of schooling") ///
       legend(order(2 "Men" 4 "Women")) title("Wages by schooling") scheme(s2color)
graph export "wage_profile.svg", replace
restore

count if high == 1 & quintile == 5
display as text "High earners in the top fifth: " as result r(N)
log close main
