* Consumption growth and the permanent income hypothesis: annual time series of the United States
* data: consump
* outputs: consumption_growth.log series.png irf.png consumption.tex forecast.png rolling.dta
* Published: J. Wooldridge, Introductory Econometrics, equations 16.35 (two-stage least squares) and example 16.7
version 17
clear all
set more off
capture log close
log using consumption_growth.log, replace

*---------------------------------------------------------------- series
use data/consump, clear
tsset year, yearly
assert r(tmin) == 1959 & r(tmax) == 1995
label variable gc "Growth of consumption"
label variable gy "Growth of income"
label variable r3 "Real interest rate"
summarize gc gy r3
generate double dlc = D.lc
assert reldif(dlc, gc) < 1e-5 if !missing(dlc)
assert abs(gc_1 - L.gc) < 1e-6 if !missing(gc_1, L.gc)
generate decade = 10 * floor(year / 10)
tabstat gc gy r3, by(decade) statistics(mean sd) nototal format(%8.4f)
tsline gc gy, lpattern(solid dash) tline(1973 1980, lcolor(gs10)) legend(order(1 "Consumption" 2 "Income")) ///
    ytitle("Growth") xlabel(1960(5)1995) name(series, replace)
graph export series.png, replace

*---------------------------------------------------------------- orders of integration
foreach v in lc ly r3 {
    quietly dfuller `v', trend lags(1)
    display "`v': level       Z(t) = " %7.3f r(Zt) "   p = " %5.3f r(p)
    quietly dfuller D.`v', lags(1)
    display "`v': difference  Z(t) = " %7.3f r(Zt) "   p = " %5.3f r(p)
}
dfuller gc
assert r(p) < .05
pperron gc, lags(2)
kpss lc, maxlag(2)
corrgram gc, lags(6)
wntestq gc, lags(6)

*---------------------------------------------------------------- example: does lagged growth predict?
regress gc L.gc
test L.gc
assert r(p) < .05
estimates store ar
estat bgodfrey, lags(1)
estat archlm
regress gc L.(gc gy r3)
testparm L.gc L.gy L.r3
estimates store lags
newey gc L.gc, lag(2)
estimates store nw
esttab ar lags nw using consumption.tex, replace booktabs se r2 label mtitles("AR" "Lags" "Newey-West")

*---------------------------------------------------------------- equation 16.35
ivregress 2sls gc (gy r3 = L.gc L.gy L.r3), small
assert e(N) == 35
assert abs(_b[_cons] - .0081) < .00005
assert abs(_se[_cons] - .0032) < .0001
assert abs(_b[gy] - .586) < .0005
assert abs(_se[gy] - .135) < .001
assert abs(_b[r3] + .00027) < .00001
assert abs(_se[r3] - .00076) < .00001
estat overid
estat endogenous
predict double u, residuals
regress u L.u
test L.u
ivregress gmm gc (gy r3 = L.gc L.gy L.r3), wmatrix(robust)
estat overid

*---------------------------------------------------------------- stability
generate byte late = year >= 1978
regress gc c.gy##i.late
testparm i.late i.late#c.gy
quietly regress gc gy
local rss = e(rss)
local n = e(N)
quietly regress gc gy if late == 0
local r1 = e(rss)
quietly regress gc gy if late == 1
local r2 = e(rss)
local chow = ((`rss' - `r1' - `r2') / 2) / ((`r1' + `r2') / (`n' - 4))
display "Chow F(2, " `n' - 4 ") = " %6.3f `chow' "  p = " %5.3f Ftail(2, `n' - 4, `chow')
preserve
rolling b = _b[gy] se = _se[gy], window(15) clear nodots: regress gc gy
save rolling, replace
summarize b
assert r(N) > 10
restore

*---------------------------------------------------------------- vector autoregression
varsoc gc gy, maxlag(3)
var gc gy, lags(1)
vargranger
varstable
varlmar, mlag(2)
irf create base, set(consumption_irf, replace) step(8)
irf graph oirf, impulse(gy) response(gc)
graph export irf.png, replace
irf table fevd, impulse(gy) response(gc) noci

*---------------------------------------------------------------- one-step forecasts from growing samples
generate double recursive = .
generate double naive = .
forvalues y = 1985/1995 {
    quietly regress gc L.gc if year < `y'
    quietly replace recursive = _b[_cons] + _b[L.gc] * L.gc if year == `y'
    quietly summarize gc if year < `y', meanonly
    quietly replace naive = r(mean) if year == `y'
}
count if !missing(recursive)
assert r(N) == 11
foreach model in recursive naive {
    generate double e_`model' = (gc - `model')^2
    quietly summarize e_`model', meanonly
    scalar rmse_`model' = sqrt(r(mean))
    display as text "RMSE, `model': " as result %8.5f rmse_`model'
}
assert rmse_recursive < .05 & rmse_naive < .05
* a test of equal accuracy: the mean difference of squared errors with a robust error
generate double gain = e_naive - e_recursive
newey gain, lag(1)
matrix results = (rmse_recursive, rmse_naive, _b[_cons] / _se[_cons])
matrix colnames results = recursive naive t
matrix list results, format(%9.4f)
drop recursive naive e_* gain

*---------------------------------------------------------------- forecasts
arima gc, ar(1) nolog
predict double one, xb
generate byte hold = year > 1990
quietly arima gc if !hold, ar(1) nolog
predict double dynamic, dynamic(1991) y
generate double error2 = (gc - dynamic)^2 if hold
summarize error2, meanonly
display "root mean squared error, 1991 to 1995: " %8.5f sqrt(r(mean))
assert sqrt(r(mean)) < .05
twoway (line gc year if year > 1979, lcolor(black)) (line dynamic year if hold, lpattern(dash) lcolor(red)), ///
    legend(order(1 "Actual" 2 "Forecast")) xline(1990.5, lpattern(dot)) xtitle("") xmtick(##5)
graph export forecast.png, replace
tsappend, add(3)
assert _N == 40
tsfilter hp cycle = lc, smooth(6.25) trend(smooth)
summarize cycle
assert abs(r(mean)) < 1e-6
tssmooth ma average = gc, window(1 1 1)
list year gc average in 2/5, noobs clean
log close
