[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, load, labels, complete with context %]
[% from "partials/results.do" import cells, glance with context %]
[[ prologue(confidence) ]]
[[ checks() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables"
ssd_require_variables [[ variables | vars ]]
ssd_require_numeric [[ variables | vars ]]
[[ labels() ]]
[% if missing_values == "listwise" %]
[[ complete(variables) ]]
[% endif %]
ssd_require_variation [[ variables | vars ]]

[[ cells() ]]
[[ glance() ]]
ssd_glance sample rows_read `rows_read'
ssd_glance sample rows_selected `rows_selected'
ssd_glance sample rows_used _N
file close ssd_glance

program define ssd_pair
    args method first second n estimate p_value
    local label_1 : variable label `first'
    local label_2 : variable label `second'
    * Fisher's transformation gives the interval of Pearson's coefficient; for ranks it is not exact and left out.
    local low = .
    local high = .
    if "`method'" == "pearson" & `n' > 3 {
        local half = invnormal([[ (100 + confidence) / 200 ]]) / sqrt(`n' - 3)
        local low = tanh(atanh(`estimate') - `half')
        local high = tanh(atanh(`estimate') + `half')
    }
    file write ssd_table "`method',`first'"
    ssd_label_cell ssd_table "`label_1'"
    file write ssd_table ",`second'"
    ssd_label_cell ssd_table "`label_2'"
    ssd_cells ssd_table `n' `estimate' `p_value' `low' `high'
    file write ssd_table _n
end

ssd_step correlate "Correlate every pair"
file open ssd_table using "correlations.csv", write text replace
file write ssd_table "method,variable_1,label_1,variable_2,label_2,n,estimate,p_value,conf_low,conf_high" _n
local names "[[ variables | vars ]]"
local count : word count `names'
forvalues i = 2/`count' {
    local first : word `i' of `names'
    local before = `i' - 1
    forvalues j = 1/`before' {
        local second : word `j' of `names'
        quietly count if !missing(`first', `second')
        if r(N) < 3 ssd_fail TOO_FEW_OBSERVATIONS `first' "`first' and `second' have fewer than 3 observations in common." 2001
        quietly correlate `first' `second'
        local n = r(N)
        local rho = r(rho)
        local p_value = 2 * ttail(`n' - 2, abs(`rho') * sqrt((`n' - 2) / (1 - (`rho')^2)))
        ssd_pair pearson `first' `second' `n' `rho' `p_value'
        quietly spearman `first' `second'
        local n = r(N)
        local rho = r(rho)
        local p_value = r(p)
        ssd_pair spearman `first' `second' `n' `rho' `p_value'
    }
}
file close ssd_table
pwcorr [[ variables | vars ]], sig obs
[% if variables | length <= 8 %]

ssd_step figure "Draw the scatterplot matrix"
graph matrix [[ variables | vars ]], half msize(tiny)
graph export "scatter_matrix.svg", replace
[% endif %]
[[ epilogue() ]]
