* Time-series regressions: the personal exemption and fertility, interest rates, and inflation
* data: fertil3 intdef phillips
* outputs: fertility_series.log gfr.svg phillips.png rates.dta
* Published: J. Wooldridge, Introductory Econometrics, examples 10.2, 10.4, 11.5, 12.1
version 17
clear all
set more off
capture log close
log using fertility_series.log, replace

* ------------------------------------------------ example 10.4
use data/fertil3.dta, clear
tsset year
assert r(tmin) == 1913 & r(tmax) == 1984
generate decade = 10*floor(year/10)
tabstat gfr pe, by(decade) statistics(mean min max) nototal
regress gfr pe ww2 pill
assert abs(_b[pe] - .083) < .0005
assert abs(_se[pe] - .030) < .0005
assert abs(_b[ww2] + 24.24) < .005
assert abs(_b[pill] + 31.59) < .005
assert abs(_b[_cons] - 98.68) < .005
assert abs(e(r2) - .473) < .0005
regress gfr L(0/2).pe ww2 pill
assert e(N) == 70
assert abs(_b[pe] - .073) < .0005
assert abs(_b[L.pe] + .0058) < .00005
assert abs(_b[L2.pe] - .034) < .0005
assert abs(e(r2) - .499) < .0005
test L1.pe L2.pe
assert abs(r(F) - .05) < .02
test pe L.pe L2.pe
assert abs(r(p) - .012) < .0005
lincom pe + L.pe + L2.pe
assert abs(r(estimate) - .101) < .0005
assert abs(r(se) - .030) < .0005
* the long-run propensity from a rewritten equation
generate d1 = L.pe - pe
generate d2 = L2.pe - pe
regress gfr pe d1 d2 ww2 pill
assert abs(_se[pe] - .030) < .0005
estat dwatson
estat bgodfrey, lags(1)
newey gfr L(0/2).pe ww2 pill, lag(2)
estimates store nw
* trends, (10.35)
regress gfr pe ww2 pill t
assert abs(_b[pe] - .279) < .0005
assert abs(_b[t] + 1.15) < .005
assert abs(e(r2) - .662) < .0005
regress gfr pe ww2 pill c.t##c.t
assert abs(_b[pe] - .348) < .0005
assert abs(e(r2) - .727) < .0005
* first differences, (11.26) and (11.27)
regress D.gfr D.pe
assert abs(_b[D.pe] + .043) < .0005
assert abs(_b[_cons] + .785) < .0005
regress D.gfr L(0/2)D.pe
assert abs(_b[L2D.pe] - .110) < .0005
assert abs(e(r2) - .233) < .0006
dfuller gfr
corrgram gfr, lags(5)
tsline gfr pe, xline(1963) legend(label(1 "Fertility") label(2 "Exemption"))
graph export gfr.svg, replace

* moving averages and growth
generate gfr_ma = (L.gfr + gfr + F.gfr) / 3
generate growth = 100 * (gfr - L.gfr) / L.gfr
summarize growth
tsfill
assert _N == 72
by decade, sort: egen peak = max(gfr)
list year gfr peak if gfr == peak, noobs

* ------------------------------------------------ example 10.2
use data/intdef.dta, clear
tsset year, yearly
regress i3 inf def
assert abs(_b[inf] - .606) < .0005
assert abs(_b[def] - .513) < .0005
assert abs(_se[inf] - .082) < .0005
assert abs(_se[def] - .118) < .0005
assert abs(e(r2) - .602) < .0005
predict double r, residuals
regress r L.r, noconstant
generate real = i3 - inf
label variable real "Real rate"
keep year i3 inf def real
save rates.dta, replace

* ------------------------------------------------ inflation and unemployment
use data/phillips.dta, clear
merge 1:1 year using rates.dta, keepusing(i3 real) update
tab _merge
drop _merge
tsset year
* static curve, (10.14), to 1996
regress inf unem if year <= 1996
assert abs(_b[_cons] - 1.42) < .005
assert abs(_b[unem] - .468) < .0005
assert abs(_se[unem] - .289) < .0005
assert abs(e(r2) - .053) < .0005
predict double u1 if e(sample), residuals
* example 12.1: strong serial correlation in the static curve, none in the augmented one
regress u1 L.u1 if year <= 1996
assert abs(_b[L.u1] - .573) < .0005
* example 11.5
regress D.inf unem if year <= 1996
assert abs(_b[_cons] - 3.03) < .005
assert abs(_b[unem] + .543) < .0005
assert abs(_se[unem] - .230) < .0005
assert abs(e(r2) - .108) < .0005
display "Natural rate: " %4.2f -_b[_cons]/_b[unem]
predict double u2 if e(sample), residuals
regress u2 L.u2 if year <= 1996
assert abs(_b[L.u2] + .036) < .0005
prais inf unem if year <= 1996
assert abs(_b[unem] + .716) < .0005
twoway (scatter inf unem if year <= 1970) (scatter inf unem if year > 1970 & year <= 1996, msymbol(triangle)) ///
    (lfit inf unem), legend(order(1 "Before 1970" 2 "After")) ytitle("Inflation") xtitle("Unemployment")
graph export phillips.png, replace width(800)

* out-of-sample forecast
regress unem L.unem L.inf if year <= 1996
assert abs(_b[L.unem] - .647) < .001
predict double f if year == 1997
predict double se if year == 1997, stdf
list year unem f se if year == 1997
log close
