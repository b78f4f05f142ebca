[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, load, labels, complete with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results with context %]
[% set everything = [outcome, group] %]
[[ prologue(confidence) ]]
[[ checks() ]]
[[ categories() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables and the two groups"
ssd_require_variables [[ everything | vars ]]
ssd_require_numeric [[ everything | numeric_only | vars ]]
[[ labels() ]]
[[ complete(everything, 4) ]]
[% if everything | text_only %]
ssd_categorical [[ everything | text_only | vars ]]
[% endif %]
ssd_require_variation [[ outcome ]] [[ group ]]
quietly summarize [[ group ]]
local low = r(min)
local high = r(max)
quietly count if !inlist([[ group ]], `low', `high')
if r(N) > 0 ssd_fail NOT_BINARY [[ group ]] "[[ group ]] has more than two values in the observations used; filter it to two groups." 459
foreach level in `low' `high' {
    quietly count if [[ group ]] == `level'
    if r(N) < 2 ssd_fail TOO_FEW_OBSERVATIONS [[ group ]] "A group of [[ group ]] has fewer than two observations." 2001
}
local name_1 : label ([[ group ]]) `low'
local name_2 : label ([[ group ]]) `high'

[[ cells() ]]
[[ glance() ]]
[[ tidy() ]]
[[ sample_counts() ]]

program define ssd_ttest_row
    args model label
    tempname half
    scalar `half' = invttail(r(df_t), [[ (100 - confidence) / 200 ]]) * r(se)
    ssd_tidy_row `model' difference "`label'" r(mu_1)-r(mu_2) r(se) r(t) r(p) r(mu_1)-r(mu_2)-`half' r(mu_1)-r(mu_2)+`half' r(df_t)
end

ssd_step compare "Compare the means"
local label "`name_1' - `name_2'"
[% if variances == "equal" %]
ttest [[ outcome ]], by([[ group ]])
[% else %]
ttest [[ outcome ]], by([[ group ]]) unequal
[% endif %]
ssd_ttest_row main "`label'"
ttest [[ outcome ]], by([[ group ]])
ssd_ttest_row equal_variances "`label'"
ttest [[ outcome ]], by([[ group ]]) unequal
ssd_ttest_row satterthwaite "`label'"
ttest [[ outcome ]], by([[ group ]]) welch
ssd_ttest_row welch "`label'"

ssd_step groups "Describe the groups"
file open ssd_groups using "groups.csv", write text replace
file write ssd_groups "value,group,n,mean,sd,std_error,conf_low,conf_high" _n
local i = 0
foreach level in `low' `high' {
    local i = `i' + 1
    quietly summarize [[ outcome ]] if [[ group ]] == `level'
    local n_`i' = r(N)
    local mean_`i' = r(mean)
    local sd_`i' = r(sd)
    local half = invttail(r(N) - 1, [[ (100 - confidence) / 200 ]]) * r(sd) / sqrt(r(N))
    file write ssd_groups "`level'"
    ssd_label_cell ssd_groups "`name_`i''"
    ssd_cells ssd_groups r(N) r(mean) r(sd) r(sd)/sqrt(r(N)) r(mean)-`half' r(mean)+`half'
    file write ssd_groups _n
}
file close ssd_groups

* Cohen's d with the pooled standard deviation; Hedges' g corrects it for small samples.
local pooled = sqrt(((`n_1' - 1) * `sd_1'^2 + (`n_2' - 1) * `sd_2'^2) / (`n_1' + `n_2' - 2))
local cohen = (`mean_1' - `mean_2') / `pooled'
ssd_glance effect_size cohen_d `cohen'
ssd_glance effect_size hedges_g `cohen'*(1-3/(4*(`n_1'+`n_2'-2)-1))

ssd_step variances "Test the equality of variances"
sdtest [[ outcome ]], by([[ group ]])
ssd_glance variance_ratio F r(F)
ssd_glance variance_ratio df_1 r(df_1)
ssd_glance variance_ratio df_2 r(df_2)
ssd_glance variance_ratio p_value r(p)
robvar [[ outcome ]], by([[ group ]])
ssd_glance levene W0 r(w0)
ssd_glance levene p_value r(p_w0)
ssd_glance brown_forsythe W50 r(w50)
ssd_glance brown_forsythe p_value r(p_w50)
[[ close_results() ]]

ssd_step figure "Draw the two distributions"
graph box [[ outcome ]], over([[ group ]])
graph export "groups.svg", replace
[[ epilogue() ]]
