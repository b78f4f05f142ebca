[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, load, labels, complete, clusters with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results, coefficient_figure with context %]
[% set everything = ([outcome, treatment] + instruments + covariates + fixed_effects + ([cluster] if cluster else [])) | unique %]
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
ssd_require_variation [[ outcome ]] [[ treatment ]] [[ instruments | vars ]][% if covariates %] [[ covariates | vars ]][% endif %]

[% if cluster %]
[[ clusters(cluster) ]]
[% endif %]
local exogenous "[% if covariates %][[ covariates | terms ]] [% endif %][% if fixed_effects %][[ fixed_effects | indicators ]][% endif %]"
local instruments "[[ instruments | terms ]]"
[% if cluster %]
local vce "vce(cluster [[ cluster ]])"
[% elif vce == "robust" %]
local vce "vce(robust)"
[% else %]
local vce ""
[% endif %]

[[ cells() ]]
[[ glance() ]]
[[ tidy() ]]
[[ sample_counts() ]]

ssd_step ols "Least squares for comparison"
regress [[ outcome ]] [[ treatment ]] `exogenous', `vce'
ssd_tidy ols
ssd_glance ols N e(N)
ssd_glance ols r2 e(r2)

ssd_step first_stage "First stage and strength of the instruments"
quietly regress [[ treatment ]] `exogenous'
local rss_without = e(rss)
local rank_without = e(rank)
quietly regress [[ treatment ]] `instruments' `exogenous'
local instrument_rank = e(rank) - `rank_without'
if `instrument_rank' < 1 ssd_fail COLLINEAR [[ treatment ]] "The instruments are collinear with the other regressors." 481
regress [[ treatment ]] `instruments' `exogenous', `vce'
ssd_tidy first_stage
ssd_glance first_stage r2 e(r2)
ssd_glance first_stage partial_r2 1-e(rss)/`rss_without'
testparm `instruments'
ssd_glance first_stage F r(F)
ssd_glance first_stage df_1 r(df)
ssd_glance first_stage df_2 r(df_r)
ssd_glance first_stage p_value r(p)
predict double ssd_first_stage_residual, residuals

* Hausman's test by regression: under exogeneity the first-stage residual has no effect of its own.
ssd_step endogeneity "Test whether the regressor is endogenous"
regress [[ outcome ]] [[ treatment ]] `exogenous' ssd_first_stage_residual, `vce'
test ssd_first_stage_residual
ssd_glance endogeneity F r(F)
ssd_glance endogeneity df_1 r(df)
ssd_glance endogeneity df_2 r(df_r)
ssd_glance endogeneity p_value r(p)
ssd_glance endogeneity residual_coefficient _b[ssd_first_stage_residual]

ssd_step estimate "Two-stage least squares"
ivregress 2sls [[ outcome ]] `exogenous' ([[ treatment ]] = `instruments'), `vce'[% if small %] small[% endif %]

ssd_tidy main
[% if cluster %]
ssd_glance main n_clusters e(N_clust)
[% endif %]
foreach item in N df_m df_r chi2 F r2 rmse {
    ssd_glance main `item' e(`item')
}

* More instruments than endogenous regressors can be tested against each other; the Sargan statistic
* (N times R-squared of the residuals on all exogenous variables) needs the conventional variance.
if `instrument_rank' > 1 {
    quietly ivregress 2sls [[ outcome ]] `exogenous' ([[ treatment ]] = `instruments')
    predict double ssd_residual, residuals
    quietly regress ssd_residual `instruments' `exogenous'
    ssd_glance overidentification sargan e(N)*e(r2)
    ssd_glance overidentification df `instrument_rank'-1
    ssd_glance overidentification p_value chi2tail(`instrument_rank'-1,e(N)*e(r2))
}
[[ close_results() ]]
[[ coefficient_figure("main") ]]
[[ epilogue() ]]
