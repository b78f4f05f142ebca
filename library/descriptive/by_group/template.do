[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, load, labels with context %]
[% from "partials/results.do" import cells, glance with context %]
[[ prologue() ]]
[[ checks() ]]
[[ categories() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables and the groups"
ssd_require_variables [[ variables | vars ]] [[ group ]]
ssd_require_numeric [[ variables | vars ]]
[[ labels() ]]
* Each variable keeps its own sample: a value missing in one does not remove the row from the others.
keep if !missing([[ group ]])
if _N == 0 ssd_fail NO_OBSERVATIONS [[ group ]] "[[ group ]] is missing everywhere." 2000
[% if [group] | text_only %]
ssd_categorical [[ group ]]
[% endif %]
ssd_require_variation [[ group ]]
quietly levelsof [[ group ]], local(levels)
local groups : word count `levels'
if `groups' > 50 ssd_fail TOO_MANY_GROUPS [[ group ]] "[[ group ]] has `groups' values; at most 50 can be compared." 459

[[ cells() ]]
[[ glance() ]]
ssd_glance sample rows_read `rows_read'
ssd_glance sample rows_selected `rows_selected'
ssd_glance sample rows_used _N
ssd_glance sample groups `groups'
file close ssd_glance

ssd_step describe "Describe each group"
program define ssd_group_row
    args name label value group
    file write ssd_table "`name'"
    ssd_label_cell ssd_table "`label'"
    file write ssd_table ",`value'"
    ssd_label_cell ssd_table "`group'"
    ssd_cells ssd_table r(N) r(mean) r(sd) r(min) r(p25) r(p50) r(p75) r(max)
    file write ssd_table _n
end
file open ssd_table using "by_group.csv", write text replace
file write ssd_table "variable,label,value,group,n,mean,sd,min,p25,p50,p75,max" _n
foreach name of varlist [[ variables | vars ]] {
    local label : variable label `name'
    foreach level of local levels {
        local group : label ([[ group ]]) `level'
        quietly summarize `name' if [[ group ]] == `level', detail
        ssd_group_row `name' "`label'" "`level'" "`group'"
    }
    quietly summarize `name', detail
    ssd_group_row `name' "`label'" "" "All groups"
}
file close ssd_table

ssd_step differences "Test the differences between groups"
program define ssd_test_row
    args name label test statistic df_1 df_2 p_value
    file write ssd_tests "`name'"
    ssd_label_cell ssd_tests "`label'"
    file write ssd_tests ",`test'"
    ssd_cells ssd_tests `statistic' `df_1' `df_2' `p_value'
    file write ssd_tests _n
end
file open ssd_tests using "differences.csv", write text replace
file write ssd_tests "variable,label,test,statistic,df_1,df_2,p_value" _n
foreach name of varlist [[ variables | vars ]] {
    local label : variable label `name'
    if `groups' == 2 {
        ttest `name', by([[ group ]]) unequal
        ssd_test_row `name' "`label'" t_unequal_variances r(t) r(df_t) . r(p)
    }
    oneway `name' [[ group ]]
    ssd_test_row `name' "`label'" anova_F r(F) r(df_m) r(df_r) Ftail(r(df_m),r(df_r),r(F))
    kwallis `name', by([[ group ]])
    ssd_test_row `name' "`label'" kruskal_wallis r(chi2_adj) r(df) . chi2tail(r(df),r(chi2_adj))
}
file close ssd_tests

ssd_step figure "Draw the means"
graph bar (mean) [[ variables[0] ]], over([[ group ]]) ytitle("Mean")
graph export "means.svg", replace
[[ epilogue() ]]
