[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, binaries, load, labels, complete, clusters with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results with context %]
[% set everything = ([outcome, treatment, post] + covariates + fixed_effects + ([cluster] if cluster else [])) | unique %]
[% set text_variables = everything | text_only %]
[[ prologue(confidence) ]]
[[ checks() ]]
[[ categories() ]]
[[ binaries() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables and the four cells"
ssd_require_variables [[ everything | vars ]]
ssd_require_numeric [[ everything | numeric_only | vars ]]
[[ labels() ]]
[[ complete(everything, 4) ]]
[% if text_variables %]
ssd_categorical [[ text_variables | vars ]]
[% endif %]
[% if fixed_effects %]
ssd_require_codes [[ fixed_effects | vars ]]
[% endif %]
ssd_binary [[ treatment ]] [[ post ]]
ssd_require_variation [[ outcome ]][% if covariates %] [[ covariates | vars ]][% endif %]

[% if cluster %]
[[ clusters(cluster) ]]
[% endif %]

[[ cells() ]]
[[ glance() ]]
[[ tidy() ]]
[[ sample_counts() ]]

ssd_step cells "Means of the four cells"
file open ssd_means using "cell_means.csv", write text replace
file write ssd_means "treated,post,n,mean,sd,std_error" _n
foreach treated in 0 1 {
    foreach period in 0 1 {
        quietly summarize [[ outcome ]] if [[ treatment ]] == `treated' & [[ post ]] == `period'
        if r(N) == 0 ssd_fail EMPTY_CELL [[ post ]] "No observation has [[ treatment ]] = `treated' and [[ post ]] = `period'." 459
        local mean`treated'`period' = r(mean)
        file write ssd_means "`treated',`period'"
        ssd_cells ssd_means r(N) r(mean) r(sd) r(sd)/sqrt(r(N))
        file write ssd_means _n
    }
}
file close ssd_means
ssd_glance cells raw_difference (`mean11'-`mean10')-(`mean01'-`mean00')

[% if cluster %]
local vce "vce(cluster [[ cluster ]])"
[% elif vce == "robust" %]
local vce "vce(robust)"
[% else %]
local vce ""
[% endif %]
* The product is a variable of its own: its coefficient is the effect, under one name in every table.
generate double ssd_did = [[ treatment ]] * [[ post ]]
label variable ssd_did "Treated x after (the effect)"
ssd_step estimate "Estimate the effect"
regress [[ outcome ]] ssd_did [[ treatment ]] [[ post ]], `vce'
ssd_tidy [[ "unadjusted" if (covariates or fixed_effects) else "main" ]]
foreach item in N df_r r2 rmse {
    ssd_glance [[ "unadjusted" if (covariates or fixed_effects) else "main" ]] `item' e(`item')
}
[% if covariates or fixed_effects %]

ssd_step adjusted "Estimate the effect with covariates"
regress [[ outcome ]] ssd_did [[ treatment ]] [[ post ]][% if covariates %] [[ covariates | terms ]][% endif %][% if fixed_effects %] [[ fixed_effects | indicators ]][% endif %], `vce'
ssd_tidy main
foreach item in N df_r r2 rmse {
    ssd_glance main `item' e(`item')
}
[% endif %]
[% if cluster %]
ssd_glance main n_clusters e(N_clust)
[% endif %]
if _se[ssd_did] == 0 ssd_fail COLLINEAR [[ treatment ]] "The effect is collinear with the other regressors." 459
[[ close_results() ]]

ssd_step figure "Draw the means"
collapse (mean) ssd_mean=[[ outcome ]], by([[ treatment ]] [[ post ]])
twoway (connected ssd_mean [[ post ]] if [[ treatment ]] == 0) ///
    (connected ssd_mean [[ post ]] if [[ treatment ]] == 1), ///
    xlabel(0 "Before" 1 "After") xtitle("") ytitle("Mean of the outcome") ///
    legend(order(1 "Comparison group" 2 "Treated group"))
graph export "means.svg", replace
[[ epilogue() ]]
