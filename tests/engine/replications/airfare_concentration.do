* Market concentration and fares: a panel of routes in the manner of a corporate-finance paper
* data: airfare
* outputs: airfare_concentration.log main.rtf summary.rtf hetero.csv trend.png fare_by_year.png placebo.dta
* Published: J. Wooldridge, Introductory Econometrics, computer exercise C14.10 (fixed effects .169, random effects .209)
version 17
clear all
set more off
capture log close
log using "airfare_concentration.log", replace

*================ 1. 数据清洗 ================
use data/airfare, clear
xtset id year
assert r(balanced) == "strongly balanced"
xtdescribe
assert _N == 4596
label var lfare "票价对数"
label var concen "市场集中度"
label var ldist "距离对数"
label var passen "平均日客运量"
global y lfare
global x concen
global cv lpassen
winsor2 passen fare, cuts(1 99) suffix(_w)
assert passen_w <= passen | passen_w > passen
summarize passen passen_w fare fare_w, separator(2)
gen double lfare_w = ln(fare_w)
gen lnpass = ln(passen_w)
drop if missing(lfare, concen, ldist)
bysort id (year): gen byte n_obs = _N
assert n_obs == 4
by id: gen growth = lfare - lfare[_n-1]
count if missing(growth)
assert r(N) == 1149
egen float mean_concen = mean(concen), by(id)
gen byte high = mean_concen > .6 if !missing(mean_concen)
label define high 0 "分散" 1 "集中"
label values high high
tab high year

*================ 2. 描述性统计 ================
estpost summarize lfare concen ldist lpassen, detail
esttab using summary.rtf, replace cells("count mean(fmt(3)) sd(fmt(3)) p50(fmt(3)) min(fmt(3)) max(fmt(3))") ///
    noobs nonumber nomtitle title("描述性统计")
tabstat lfare concen ldist lpassen, s(n mean sd min p50 max) c(s) f(%9.3f)
pwcorr lfare concen ldist lpassen, star(.05) sig
ttest lfare, by(high)
local gap = r(mu_2) - r(mu_1)
qui reg lfare high
assert abs(_b[high] - `gap') < 1e-6
forvalues y = 1997/2000 {
    qui sum lfare if year == `y', detail
    di "`y'年: 均值 " %6.3f r(mean) "  中位数 " %6.3f r(p50)
}

*================ 3. 基准回归 ================
reg lfare concen ldist ldistsq y98 y99 y00
assert abs(_b[concen] - .3601) < .00005
assert abs(_se[concen] - .0300) < .0001
est sto ols
estadd local route "否"
estadd local yr "是"
reg lfare concen ldist ldistsq i.year, vce(cluster id)
assert _se[concen] > .05 & _se[concen] < .065
est sto cl
estadd local route "否"
estadd local yr "是"
xtreg lfare concen ldist ldistsq y98 y99 y00, re
assert abs(_b[concen] - .2089) < .0001
est sto re
estadd local route "否"
estadd local yr "是"
xtreg lfare concen y98 y99 y00, fe
assert abs(_b[concen] - .1689) < .0001
assert abs(_se[concen] - .0294) < .0001
est sto fe
estadd local route "是"
estadd local yr "是"
test y98 y99 y00
reghdfe lfare concen, absorb(id year) vce(cluster id)
local fe = _b[concen]
est sto hdfe
estadd local route "是"
estadd local yr "是"
areg lfare concen i.year, absorb(id)
assert abs(_b[concen] - `fe') < 1e-7
qui xtreg lfare concen y98 y99 y00, re
est sto re2
hausman fe re2
esttab ols cl re fe hdfe using main.rtf, replace b(%9.4f) se(%9.4f) star(* 0.10 ** 0.05 *** 0.01) nogaps compress ///
    keep(concen ldist ldistsq) s(route yr N r2, label("航线固定效应" "年份固定效应" "观测值" "R2") fmt(%s %s %9.0f %9.3f)) ///
    mtitles("OLS" "Cluster" "RE" "FE" "HDFE") title("表2 基准回归")

*================ 4. 内生性与稳健性 ================
gen double L1concen = L.concen
xtreg lfare concen F.concen i.year, fe vce(cluster id)
test F.concen
ivregress 2sls lfare (concen = L1concen) ldist ldistsq i.year, vce(cluster id) first
estat firststage
assert r(singleresults)[1,4] > 10
reghdfe lfare_w concen, absorb(id year) vce(cluster id)
reghdfe lfare concen if inrange(dist, 300, 2000), a(id year) cl(id)
reghdfe lfare concen c.concen#c.ldist, absorb(id year) vce(cluster id)
sum ldist, meanonly
lincom concen + `r(mean)' * c.concen#c.ldist

*================ 5. 异质性与中介 ================
eststo clear
forvalues g = 0/1 {
    eststo h`g': qui reghdfe lfare concen if high == `g', absorb(id year) vce(cluster id)
}
esttab h0 h1 using hetero.csv, replace se mtitles("分散" "集中")
gen double inter = concen * high
qui reghdfe lfare concen inter, absorb(id year) vce(cluster id)
test inter
* 三步法
qui reghdfe lfare concen, absorb(id year) vce(cluster id)
scalar c_total = _b[concen]
qui reghdfe lpassen concen, absorb(id year) vce(cluster id)
scalar a_path = _b[concen]
qui reghdfe lfare concen lpassen, absorb(id year) vce(cluster id)
scalar b_path = _b[lpassen]
scalar direct = _b[concen]
di "间接效应 = " %7.4f a_path * b_path ", 占比 " %5.1f 100 * a_path * b_path / c_total "%"
assert abs(c_total - direct - a_path * b_path) < 1e-6

*================ 6. 安慰剂检验 ================
cap program drop placebo
program define placebo, rclass
    preserve
    tempvar u fake
    gen double `u' = runiform()
    sort year `u'
    gen double `fake' = concen[_n]
    by year: replace `fake' = concen[_N - _n + 1]
    qui areg lfare `fake' i.year, absorb(id)
    return scalar b = _b[`fake']
    restore
end
simulate b = r(b), reps(5) seed(2024) saving(placebo, replace) nodots: placebo
summarize b
use data/airfare, clear
xtset id year

*================ 7. 图 ================
preserve
collapse (mean) fare concen (semean) se = fare, by(year)
gen hi = fare + 1.96 * se
gen lo = fare - 1.96 * se
twoway (rcap hi lo year, lcolor(gs8)) (connected fare year, mcolor(navy) lcolor(navy)), xlabel(1997(1)2000) ///
    ytitle("Fare") xtitle("") legend(off) text(185 1998 "mean and 95% interval", size(small)) name(g1, replace)
graph export fare_by_year.png, replace
restore
xtline lfare if id <= 4, overlay legend(rows(1)) ytitle("Log fare") xlabel(1997/2000)
graph export trend.png, replace
log close
