[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, load, labels with context %]
[% from "partials/results.do" import cells, glance with context %]
[% set chosen = (variables or all_variables) | unique %]
[[ prologue() ]]
[[ checks() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables"
ssd_require_variables [[ chosen | vars ]]
[[ labels() ]]

[[ cells() ]]
[[ glance() ]]
ssd_step rows "Count complete and repeated rows"
keep [[ chosen | vars ]]
ssd_glance data rows_read `rows_read'
ssd_glance data rows_selected `rows_selected'
ssd_glance data variables [[ chosen | length ]]
quietly count if !missing([[ chosen | commas ]])
ssd_glance data complete_rows r(N)
sort [[ chosen | vars ]]
quietly by [[ chosen | vars ]]: generate byte ssd_repeated = _n > 1
quietly count if ssd_repeated
ssd_glance data repeated_rows r(N)
drop ssd_repeated
file close ssd_glance

ssd_step variables "Describe every variable"
file open ssd_table using "variables.csv", write text replace
file write ssd_table "variable,label,type,n,missing,missing_percent,unique,mean,sd,min,p25,p50,p75,max,skewness,kurtosis" _n
foreach name of varlist [[ chosen | vars ]] {
    local label : variable label `name'
    local type : type `name'
    sort `name'
    quietly by `name': generate byte ssd_first = _n == 1 & !missing(`name')
    quietly count if ssd_first
    local unique = r(N)
    drop ssd_first
    quietly count if missing(`name')
    local missing = r(N)
    file write ssd_table "`name'"
    ssd_label_cell ssd_table "`label'"
    file write ssd_table ",`type'"
    ssd_cells ssd_table _N-`missing' `missing' 100*`missing'/_N `unique'
    capture confirm numeric variable `name'
    if _rc {
        file write ssd_table ",,,,,,,,," _n
    }
    else {
        quietly summarize `name', detail
        ssd_cells ssd_table r(mean) r(sd) r(min) r(p25) r(p50) r(p75) r(max) r(skewness) r(kurtosis)
        file write ssd_table _n
    }
}
file close ssd_table

ssd_step figure "Draw the share of missing values"
import delimited using "variables.csv", varnames(1) encoding("UTF-8") clear
* More than 40 rows cannot be read in a figure; the table has them all.
gsort -missing_percent variable
keep if _n <= 40
local rows = _N
generate place = _N - _n + 1
forvalues i = 1/`rows' {
    local at = place[`i']
    local words = variable[`i']
    label define ssd_names `at' "`words'", add
}
label values place ssd_names
twoway (bar missing_percent place, horizontal), xlabel(0(20)100) ///
    ylabel(1(1)`rows', valuelabel angle(horizontal)) ytitle("") xtitle("Missing values, percent") legend(off)
graph export "missing.svg", replace
[[ epilogue() ]]
