* House prices and a garbage incinerator: hedonic prices and difference in differences
* data: hprice1 kielmc
* outputs: incinerator.log prices.svg summary.dta did.tex
* Published: J. Wooldridge, Introductory Econometrics, examples 8.4, 8.5, 13.3; K. Kiel and K. McClain (1995)
version 17
clear all
set more off
cap log close _all
log using "incinerator.log", text replace

#delimit ;
local hedonic
    lotsize
    sqrft
    bdrms ;
#delimit cr

* ---------------------------------------------------------------- Boston house prices
use data/hprice1.dta, clear
regress price `hedonic'
assert round(_b[sqrft], .001) == round(.123, .001)
assert abs(_b[bdrms] - 13.85) < .005
assert abs(_b[lotsize] - .00207) < .000005
assert abs(_se[sqrft] - .013) < .0005
assert abs(e(r2) - .672) < .0005
estat hettest, rhs iid          // example 8.4: LM = 14.09
assert abs(r(chi2) - 14.09) < .005
assert abs(r(p) - .0028) < .00005
estat imtest, white             // special form of White's test is computed below
estat vif
regress lprice llotsize lsqrft bdrms
assert abs(_b[llotsize] - .168) < .0005
assert abs(_b[lsqrft] - .700) < .0005
assert abs(_b[bdrms] - .037) < .0005
assert abs(e(r2) - .643) < .0005
estat hettest, rhs iid
assert abs(r(chi2) - 4.22) < .005
assert abs(r(p) - .239) < .001
* example 8.5: special case of White's test, LM = 3.45
predict double lhat, xb
predict double u, residuals
generate double usq = u^2
quietly regress usq c.lhat##c.lhat
scalar LM = e(N) * e(r2)
display "LM = " %5.2f LM ", p = " %5.3f chi2tail(2, LM)
assert abs(LM - 3.45) < .005
assert abs(chi2tail(2, LM) - .178) < .0005

* ---------------------------------------------------------------- North Andover, 1978 and 1981
use data/kielmc, clear
assert inlist(year, 1978, 1981)
tabulate year nearinc
label define near 0 "Far" 1 "Near"
label values nearinc near
label define period 0 "1978" 1 "1981"
label values y81 period
bysort year nearinc: summarize rprice, meanonly

* (13.4) and (13.5): the naive comparisons
regress rprice nearinc if year == 1981
assert abs(_b[_cons] - 101307.5) < .05
assert abs(_b[nearinc] + 30688.27) < .005
regress rprice nearinc if year == 1978
assert abs(_b[_cons] - 82517.23) < .005
assert abs(_b[nearinc] + 18824.37) < .005

* table 13.2
eststo clear
eststo m1: quietly regress rprice i.y81##i.nearinc
assert abs(_b[1.y81#1.nearinc] + 11863.90) < .005
assert abs(_se[1.y81#1.nearinc] - 7456.65) < .005
assert abs(e(r2) - .174) < .0005
eststo m2: quietly regress rprice i.y81##i.nearinc age agesq
assert abs(_b[1.y81#1.nearinc] + 21920.27) < .005
assert abs(_se[1.y81#1.nearinc] - 6359.75) < .005
assert abs(e(r2) - .414) < .0005
eststo m3: quietly regress rprice i.y81##i.nearinc age agesq intst land area rooms baths
assert abs(_b[1.y81#1.nearinc] + 14177.93) < .005
assert abs(_se[1.y81#1.nearinc] - 4987.27) < .005
assert abs(e(r2) - .660) < .0005
esttab m1 m2 m3, keep(1.y81 1.nearinc 1.y81#1.nearinc _cons) se r2 star(* .1 ** .05 *** .01)
esttab m1 m2 m3 using did.tex, replace keep(1.y81#1.nearinc) se booktabs label title("Incinerator")

* in logs, (13.9)
regress lprice y81 nearinc y81nrinc
assert abs(_b[y81nrinc] + .063) < .0005
assert abs(_se[y81nrinc] - .083) < .0005
regress lprice y81 nearinc y81nrinc age agesq lintst lland larea rooms baths
assert abs(_b[y81nrinc] + .132) < .0005
assert abs(_se[y81nrinc] - .052) < .0005

* ---------------------------------------------------------------- the 2x2 table by hand
preserve
    collapse (mean) rprice (semean) se = rprice (count) n = age, by(y81 nearinc)
    list, sepby(y81) noobs
    save summary, replace
    keep y81 nearinc rprice
    reshape wide rprice, i(nearinc) j(y81)
    generate change = rprice1 - rprice0
    local did = change[2] - change[1]
    display "Difference in differences = " %12.2f `did'
    assert abs(`did' + 11863.9) < .05
    reshape long rprice, i(nearinc) j(y81)
    twoway (line rprice y81 if nearinc == 0, lpattern(solid)) (line rprice y81 if nearinc == 1, lpattern(dash)), ///
        xlabel(0 "1978" 1 "1981") xtitle("") ytitle("Mean real price") ///
        legend(label(1 "Far") label(2 "Near")) name(did, replace)
    graph export prices.svg, replace
restore

* placebo outcomes: houses sold should not change in kind, but they do a little
foreach y in age rooms baths land area {
    quietly regress `y' i.y81##i.nearinc, vce(robust)
    local t = _b[1.y81#1.nearinc] / _se[1.y81#1.nearinc]
    display "`y'" _col(12) %9.3f _b[1.y81#1.nearinc] _col(24) "t = " %6.2f `t'
}
egen cell = group(y81 nearinc)
mean rprice, over(cell)
log close
