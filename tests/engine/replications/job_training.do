* Job training grants and scrap rates
* data: jtrain
* outputs: job_training.log firms.dta scrap_paths.svg training.csv
* Published: J. Wooldridge, Introductory Econometrics, examples 14.1 and 14.3; H. Holzer et al. (1993)
version 17
clear all
set more off
set varabbrev off
capture log close _all
log using job_training.log, replace name(jt)

*=== 1. firms: one line each ========================================
use data/jtrain.dta, clear
assert inlist(year, 1987, 1988, 1989)
isid fcode year
quietly bysort fcode: assert _N == 3
preserve
    bysort fcode: egen byte evergrant = max(grant)
    collapse (max) evergrant (mean) employ avgsal (firstnm) union (count) nscrap = lscrap, by(fcode)
    label variable evergrant "Ever received a grant"
    label variable nscrap "Years with scrap rate"
    xtile size = employ, nq(3)
    label define size 1 "Small" 2 "Medium" 3 "Large"
    label values size size
    assert nscrap <= 3
    compress
    save firms.dta, replace
restore

*=== 2. merge back ==================================================
merge m:1 fcode using firms.dta, keepusing(evergrant nscrap size) assert(match) nogenerate
tabulate nscrap if year == 1987
assert !missing(evergrant)
* reshape to check the panel and come back
preserve
    keep fcode year scrap grant hrsemp
    reshape wide scrap grant hrsemp, i(fcode) j(year)
    describe, short
    count if !missing(scrap1987, scrap1988, scrap1989)
    assert r(N) == 54
    generate change = scrap1988 - scrap1987
    ranksum change, by(grant1988)
    reshape long scrap grant hrsemp, i(fcode) j(year)
    assert _N == 471
restore

*=== 3. fixed effects: example 14.1 ================================
xtset fcode year
xtreg lscrap d88 d89 grant grant_1, fe
assert e(N) == 162 & e(N_g) == 54
assert abs(_b[d88] + .080) < .0005
assert abs(_se[d88] - .109) < .0005
assert abs(_b[d89] + .247) < .0005
assert abs(_se[d89] - .133) < .0005
assert abs(_b[grant] + .252) < .0005
assert abs(_se[grant] - .151) < .0005
assert abs(_b[grant_1] + .422) < .0005
assert abs(_se[grant_1] - .210) < .0005
assert abs(e(r2_w) - .201) < .0005
estimates store fe
test d88 d89
display "Effect after one year: " %5.1f 100*(exp(_b[grant_1]) - 1) " percent"
assert abs(100*(exp(_b[grant_1]) - 1) + 34.4) < .05

* the same three ways
areg lscrap d88 d89 grant grant_1, absorb(fcode)
scalar b_areg = _b[grant]
regress lscrap d88 d89 grant grant_1 i.fcode
assert reldif(_b[grant], b_areg) < 1e-8
quietly xtreg lscrap d88 d89 grant grant_1, fe vce(cluster fcode)
assert e(N_clust) == 54
estimates store fe_cluster
xtreg lscrap d88 d89 grant grant_1, re
estimates store re
hausman fe re, sigmamore
estimates table fe fe_cluster re, b(%6.3f) se(%6.3f) p(%5.3f) stats(N N_g r2_w)

* the same estimate by the command for difference in differences
preserve
drop if missing(lscrap)
xtdidregress (lscrap) (grant), group(fcode) time(year)
scalar did = _b[ATET:r1vs0.grant]
scalar did_se = _se[ATET:r1vs0.grant]
assert e(N_clust) == 54
quietly xtreg lscrap grant i.year, fe vce(cluster fcode)
assert reldif(did, _b[grant]) < 1e-8 & reldif(did_se, _se[grant]) < 1e-8
restore

*=== 4. first differences ==========================================
regress clscrap d89 cgrant if inlist(year, 1988, 1989)
generate dls = D.lscrap
assert abs(dls - clscrap) < 1e-5 if !missing(dls, clscrap)
regress D.lscrap D.grant if year == 1988
* (13.21 in later editions): growth in log scrap, 1987 to 1988
assert abs(_b[D.grant] + .317) < .0005
assert abs(_b[_cons] + .057) < .0005
assert e(N) == 54
assert abs(e(r2) - .067) < .0005

*=== 5. hours of training: a program over outcomes ==================
program define outcome_table, rclass
    syntax varlist(numeric) [if] [, Controls(varlist) SAving(string) Level(cilevel)]
    marksample touse, novarlist
    local k : word count `varlist'
    tempname R
    matrix `R' = J(`k', 4, .)
    local row = 0
    foreach y of local varlist {
        local ++row
        quietly xtreg `y' d88 d89 grant `controls' if `touse', fe vce(cluster fcode)
        matrix `R'[`row', 1] = _b[grant]
        matrix `R'[`row', 2] = _se[grant]
        matrix `R'[`row', 3] = 2*ttail(e(df_r), abs(_b[grant]/_se[grant]))
        matrix `R'[`row', 4] = e(N)
        local names `names' `y'
    }
    matrix rownames `R' = `names'
    matrix colnames `R' = b se p N
    matrix list `R', noheader format(%8.3f)
    if "`saving'" != "" {
        preserve
        clear
        quietly svmat double `R', names(col)
        generate str16 outcome = ""
        forvalues i = 1/`k' {
            quietly replace outcome = "`: word `i' of `names''" in `i'
        }
        order outcome
        export delimited using `"`saving'"', replace
        restore
    }
    return matrix results = `R'
    return local outcomes "`names'"
end
outcome_table lhrsemp lscrap lsales lemploy, saving(training.csv)
return list
matrix R = r(results)
assert R[1,1] > 0
assert rowsof(R) == 4
outcome_table lhrsemp if size < 3, controls(lemploy)

*=== 6. figure ======================================================
preserve
keep if nscrap == 3
collapse (mean) m = lscrap (semean) s = lscrap, by(year evergrant)
foreach end in lo hi {
    local sign = cond("`end'" == "lo", -1, 1)
    generate `end' = m + `sign' * 1.96 * s
}
twoway (rarea lo hi year if evergrant == 0, color(gs12)) (line m year if evergrant == 0) ///
    (line m year if evergrant == 1, lpattern(dash)), ///
    legend(order(2 "Never" 3 "Grant") rows(1)) xlabel(1987/1989) ytitle("Mean log scrap rate")
graph export scrap_paths.svg, replace
restore
set varabbrev on
log close jt
