* Returns to two-year and four-year colleges
* data: twoyear
* outputs: college_returns.log college_table.tex college_table.csv college_profile.png college_coef.svg college_sums.xlsx
* Published: J. Wooldridge, Introductory Econometrics, section 4.4 and computer exercise C4.5; Kane and Rouse (1995)
version 17
clear all
set more off
cls
capture log close
log using "college_returns.log", replace text
global out "."
global regions "ne nc south"
global places "smcity medcity submed lgcity sublg vlgcity subvlg"

*---------------------------------------------------------------- data
use data/twoyear, clear
assert _N == 6763
describe, short
isid id
rename (BA AA) (ba aa)
label variable lwage "Log hourly wage"
label variable jc "Two-year college"
label variable univ "Four-year college"
label variable exper "Experience (months)"
label variable female "Female"
label define yesno 0 "no" 1 "yes"
foreach v of varlist female black hispanic ba aa {
    label values `v' yesno
    quietly count if missing(`v')
    assert r(N) == 0
}
local all : list global(regions) | global(places)
local howmany : word count `all'
display "`howmany' indicators of place: `all'"
assert `howmany' == 10

generate byte place = 0
local code = 0
foreach v of global places {
    local ++code
    replace place = `code' if `v' == 1
    label define place `code' "`v'", add
}
label define place 0 "rural", add
label values place place
tabulate place, missing
egen byte region = rowtotal($regions)
assert inlist(region, 0, 1)
generate wage = exp(lwage)
egen qwage = cut(wage), group(4) label
table qwage, statistic(mean wage jc univ) statistic(sd wage) nformat(%8.3f) nototals
tabstat jc univ exper, by(female) statistics(mean sd p50 n) columns(statistics) longstub
bysort female: summarize lwage jc univ

*---------------------------------------------------------------- equation 4.21
regress lwage jc univ exper
assert e(N) == 6763
assert abs(_b[jc] - .0667) < .00005
assert abs(_se[jc] - .0068) < .00005
assert abs(_b[univ] - .0769) < .00005
assert abs(_se[univ] - .0023) < .00005
assert abs(_b[exper] - .0049) < .00005
assert abs(_b[_cons] - 1.472) < .0005
assert abs(e(r2) - .222) < .0005
estimates store unrestricted
estadd local place "No"
test jc = univ
local F = r(F)
lincom jc - univ
assert abs(r(estimate) + .0102) < .00005
assert abs(r(se) - .0069) < .00005
assert abs(r(t)^2 - `F') < 1e-6
testnl _b[jc] / _b[univ] = 1
assert r(df) == 1 & r(p) > .1
nlcom (ratio: _b[jc] / _b[univ]), level(90)

* the same hypothesis through the total number of years, equation 4.26
assert reldif(totcoll, jc + univ) < 1e-6
regress lwage jc totcoll exper
assert abs(_b[jc] + .0102) < .00005
assert abs(_se[jc] - .0069) < .00005
assert abs(_b[totcoll] - .0769) < .00005
estimates store totals
estadd local place "No"

* rank in high school does not change it
regress lwage jc totcoll exper phsrank
assert abs(_b[phsrank]) < .001
test phsrank
assert r(p) > .1
estimates store rank
estadd local place "No"

*---------------------------------------------------------------- controls, groups
regress lwage c.jc##i.female c.univ##i.female exper i.black i.hispanic i.place $regions, vce(robust)
testparm i.female#c.jc i.female#c.univ
testparm i.place
estimates store controls
estadd local place "Yes"
margins female, dydx(jc univ)
matrix M = r(table)
assert colsof(M) == 4
quietly margins female, at(univ = (0(1)6))
marginsplot, recastci(rarea) ciopts(color(%25)) title("Predicted log wage") xtitle("Years at a four-year college") ///
    legend(order(3 "Men" 4 "Women") position(6) rows(1)) name(profile, replace)
graph export "$out/college_profile.png", replace width(900)
coefplot (unrestricted, label("No controls")) (controls, label("Controls")), keep(jc univ) xline(0) ///
    headings(jc = "Years of college") levels(95 90) coeflabels(jc = "Two-year" univ = "Four-year")
graph export "$out/college_coef.svg", replace

esttab unrestricted totals rank controls using "$out/college_table.tex", replace booktabs label se star(* .1 ** .05 *** .01) ///
    keep(jc univ totcoll exper phsrank) stats(place N r2, labels("Place" "Observations" "\$R^2\$") fmt(%s %9.0fc %5.3f)) ///
    mtitles("Years" "Total" "Rank" "Controls") nonotes addnotes("Robust standard errors in column 4.")
esttab unrestricted totals using "$out/college_table.csv", replace plain wide b(4) se(4)

*---------------------------------------------------------------- workbook of descriptive numbers
putexcel set "$out/college_sums.xlsx", replace sheet("Means")
putexcel A1 = "Variable" B1 = "All" C1 = "Men" D1 = "Women" E1 = "p"
local row = 2
foreach v of varlist lwage jc univ exper phsrank {
    local text : variable label `v'
    if `"`text'"' == "" local text "`v'"
    quietly summarize `v', meanonly
    putexcel A`row' = ("`text'") B`row' = (r(mean)), nformat(number_d2)
    quietly ttest `v', by(female)
    putexcel C`row' = (r(mu_1)) D`row' = (r(mu_2)) E`row' = (r(p)), nformat("0.000")
    local ++row
}
putexcel close

*---------------------------------------------------------------- estimates by region, gathered in a frame of results
tempname handle
tempfile byregion
postfile `handle' str10 region double(jc se univ) long n using `byregion', replace
foreach r in ne nc south west {
    local condition = cond("`r'" == "west", "region == 0", "`r' == 1")
    quietly regress lwage jc univ exper if `condition'
    post `handle' ("`r'") (_b[jc]) (_se[jc]) (_b[univ]) (e(N))
}
postclose `handle'
preserve
use `byregion', clear
assert _N == 4
quietly summarize n
assert r(sum) == 6763
generate weight = 1 / se^2
quietly summarize jc [aweight = weight]
display as text "Precision-weighted mean of the regional effects: " as result %6.4f r(mean)
gsort -jc
list region jc se univ n, noobs separator(0) abbreviate(12)
restore

*---------------------------------------------------------------- quantiles and selection on degrees
foreach q of numlist 10 50 90 {
    quietly qreg lwage jc univ exper, quantile(`q')
    display "quantile `q': two-year " %6.4f _b[jc] ", four-year " %6.4f _b[univ]
    local b`q' = _b[univ]
}
logit ba univ phsrank i.female, nolog
estat classification
assert r(P_corr) > 75
predict phat if e(sample)
summarize phat if ba == 1, meanonly
local ones = r(mean)
summarize phat if ba == 0, meanonly
assert `ones' > r(mean)
count if aa == 1 & ba == 1
drop phat
log close
exit
