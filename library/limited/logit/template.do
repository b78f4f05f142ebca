[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, binaries, load, labels, complete, clusters with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results, coefficient_figure with context %]
[% set regressors = [treatment] + covariates %]
[% set everything = ([outcome] + regressors + fixed_effects + ([cluster] if cluster else [])) | unique %]
[% set text_variables = everything | text_only %]
[[ prologue(confidence) ]]
[[ checks() ]]
[[ categories() ]]
[[ binaries() ]]
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
* logit takes every value but 0 as success; an outcome coded 1/2 would be success throughout.
ssd_binary [[ outcome ]]
ssd_require_variation [[ regressors | vars ]]
[% if cluster %]
[[ clusters(cluster) ]]
[% endif %]
local regressors "[[ regressors | terms ]][% if fixed_effects %] [[ fixed_effects | indicators ]][% endif %]"

[[ cells() ]]
[[ glance() ]]
[[ tidy() ]]
[[ sample_counts() ]]

ssd_step estimate "Estimate the logit model"
[% if cluster %]
logit [[ outcome ]] `regressors', vce(cluster [[ cluster ]])
ssd_glance main n_clusters e(N_clust)
[% elif vce == "robust" %]
logit [[ outcome ]] `regressors', vce(robust)
[% else %]
logit [[ outcome ]] `regressors'
[% endif %]
ssd_tidy main
ssd_tidy_exponentiated odds_ratio
[% if treatment not in text_variables %]
local key "[[ treatment ]]"
if _se[`key'] == 0 ssd_fail PERFECT_PREDICTION [[ treatment ]] "[[ treatment ]] predicts the outcome perfectly or is collinear: its effect cannot be estimated." 459
[% endif %]
if e(converged) != 1 ssd_fail NOT_CONVERGED [[ outcome ]] "The model did not converge." 430
foreach item in N df_m chi2 p r2_p ll ll_0 {
    ssd_glance main `item' e(`item')
}

ssd_step classification "Classify the observations and draw the ROC curve"
predict double ssd_probability if e(sample), pr
generate byte ssd_predicted = ssd_probability >= [[ cutoff ]] if !missing(ssd_probability)
file open ssd_class using "classification.csv", write text replace
file write ssd_class "predicted,actual,count" _n
foreach predicted in 1 0 {
    foreach actual in 1 0 {
        quietly count if ssd_predicted == `predicted' & [[ outcome ]] == `actual' & e(sample)
        local n`predicted'`actual' = r(N)
        file write ssd_class "`predicted',`actual',`r(N)'" _n
    }
}
file close ssd_class
ssd_glance classification cutoff [[ cutoff ]]
ssd_glance classification correct_percent 100*(`n11'+`n00')/e(N)
ssd_glance classification sensitivity_percent 100*`n11'/(`n11'+`n01')
ssd_glance classification specificity_percent 100*`n00'/(`n00'+`n10')
lroc
ssd_glance classification roc_area r(area)
graph export "roc.svg", replace

ssd_step margins "Average marginal effects"
margins, dydx(*)
ssd_tidy margins
[[ close_results() ]]
[[ coefficient_figure("margins") ]]
[[ epilogue() ]]
