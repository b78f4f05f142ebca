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
local vce "vce(cluster [[ cluster ]])"
[% elif vce == "robust" %]
local vce "vce(robust)"
[% else %]
local vce ""
[% endif %]
capture noisily logit [[ outcome ]] `regressors', `vce'
local rc = _rc
* logit leaves out what predicts perfectly, with its observations; nothing may be left.
if `rc' == 2000 ssd_fail PERFECT_PREDICTION [[ treatment ]] "The regressors predict the outcome perfectly: no effect can be estimated." 459
if `rc' exit `rc'
ssd_glance main n_clusters e(N_clust)
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

ssd_step classification "Classify the observations"
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

ssd_step margins "Average marginal effects"
margins, dydx(*)
ssd_tidy margins

* The area under the curve is the share of pairs of one success and one failure that are ranked rightly.
ssd_step roc "Draw the ROC curve"
keep if e(sample)
egen double ssd_rank = rank(ssd_probability)
quietly summarize ssd_rank if [[ outcome ]] == 1
local ones = r(N)
local zeros = _N - `ones'
ssd_glance classification roc_area (r(sum)-`ones'*(`ones'+1)/2)/(`ones'*`zeros')
[[ close_results() ]]
generate double ssd_order = -ssd_probability
sort ssd_order
generate double ssd_sensitivity = sum([[ outcome ]] == 1) / `ones'
generate double ssd_false_positives = sum([[ outcome ]] == 0) / `zeros'
* Tied probabilities are one point of the curve, and it begins at the origin.
by ssd_order: keep if _n == _N
local rows = _N + 1
set obs `rows'
replace ssd_sensitivity = 0 in `rows'
replace ssd_false_positives = 0 in `rows'
sort ssd_false_positives ssd_sensitivity
twoway (line ssd_sensitivity ssd_false_positives) (line ssd_false_positives ssd_false_positives), ///
    xlabel(0(0.25)1) ylabel(0(0.25)1) xtitle("1 - specificity") ytitle("Sensitivity") legend(off)
graph export "roc.svg", replace
[[ coefficient_figure("margins") ]]
[[ epilogue() ]]
