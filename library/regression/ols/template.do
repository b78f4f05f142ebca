[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, load, labels, complete, clusters with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results, coefficient_figure with context %]
[% set regressors = [treatment] + covariates %]
[% set everything = ([outcome] + regressors + fixed_effects + ([cluster] if cluster else [])) | unique %]
[% set text_variables = everything | text_only %]
[[ prologue(confidence) ]]
[[ checks() ]]
[[ categories() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables and the sample"
ssd_require_variables [[ everything | vars ]]
ssd_require_numeric [[ everything | numeric_only | vars ]]
[[ labels() ]]
[[ complete(everything) ]]
[% if text_variables %]
ssd_categorical [[ text_variables | vars ]]
[% endif %]
[% if fixed_effects %]
ssd_require_codes [[ fixed_effects | vars ]]
[% endif %]
ssd_require_variation [[ outcome ]] [[ regressors | vars ]]
[% if cluster %]
[[ clusters(cluster) ]]
[% endif %]
local regressors "[[ regressors | terms ]][% if fixed_effects %] [[ fixed_effects | indicators ]][% endif %]"

[[ cells() ]]
[[ glance() ]]
[[ tidy() ]]
[[ sample_counts() ]]

* The diagnostics assume the conventional variance, so they come from a conventional fit of the same model.
ssd_step diagnostics "Fit the model and test its assumptions"
regress [[ outcome ]] `regressors'
estat hettest
ssd_glance heteroskedasticity chi2 r(chi2)
ssd_glance heteroskedasticity df r(df)
ssd_glance heteroskedasticity p_value r(p)
estat vif
local vif_rows = 0
while "`r(name_`=`vif_rows' + 1')'" != "" {
    local vif_rows = `vif_rows' + 1
    local vif_name_`vif_rows' "`r(name_`vif_rows')'"
    local vif_value_`vif_rows' = r(vif_`vif_rows')
}
file open ssd_vif using "vif.csv", write text replace
file write ssd_vif "term,label,vif,tolerance" _n
forvalues i = 1/`vif_rows' {
    ssd_term_label `vif_name_`i''
    file write ssd_vif "`vif_name_`i''"
    ssd_label_cell ssd_vif "`r(label)'"
    ssd_cells ssd_vif `vif_value_`i'' 1/`vif_value_`i''
    file write ssd_vif _n
}
file close ssd_vif

ssd_step estimate "Estimate the regression"
[% if cluster %]
regress [[ outcome ]] `regressors', vce(cluster [[ cluster ]])
ssd_glance main n_clusters e(N_clust)
[% elif vce == "robust" %]
regress [[ outcome ]] `regressors', vce(robust)
[% elif vce == "hc3" %]
regress [[ outcome ]] `regressors', vce(hc3)
[% else %]
regress [[ outcome ]] `regressors'
[% endif %]
ssd_tidy main
[% if treatment not in text_variables %]
local key "[[ treatment ]]"
if _se[`key'] == 0 ssd_fail COLLINEAR [[ treatment ]] "[[ treatment ]] is a linear combination of the other regressors." 459
[% endif %]
foreach item in N df_m df_r F r2 r2_a rmse mss rss ll {
    ssd_glance main `item' e(`item')
}
ssd_glance main p_value Ftail(e(df_m),e(df_r),e(F))

ssd_step fitted "Save fitted values and residuals"
predict double ssd_fitted, xb
predict double ssd_residual, residuals
label variable ssd_fitted "Fitted value"
label variable ssd_residual "Residual"
twoway (scatter ssd_residual ssd_fitted, msize(small)), yline(0) ///
    ytitle("Residual") xtitle("Fitted value") legend(off)
graph export "residuals.svg", replace
[[ close_results() ]]
[[ coefficient_figure("main") ]]
[[ epilogue() ]]
