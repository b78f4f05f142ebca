[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, load, labels, complete, clusters with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results, coefficient_figure with context %]
[% set regressors = [treatment] + covariates %]
[% set everything = ([outcome] + regressors + fixed_effects + ([exposure] if exposure else []) + ([cluster] if cluster else [])) | unique %]
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
quietly count if [[ outcome ]] < 0 | [[ outcome ]] != floor([[ outcome ]])
if r(N) > 0 ssd_fail NOT_A_COUNT [[ outcome ]] "[[ outcome ]] must hold whole numbers from 0 up; `r(N)' observations do not." 459
[% if exposure %]
quietly count if [[ exposure ]] <= 0
if r(N) > 0 ssd_fail EXPOSURE_NOT_POSITIVE [[ exposure ]] "[[ exposure ]] must be positive; `r(N)' observations are not." 459
[% endif %]
ssd_require_variation [[ outcome ]] [[ regressors | vars ]]
[% if cluster %]
[[ clusters(cluster) ]]
[% endif %]
local model "[[ outcome ]] [[ regressors | terms ]][% if fixed_effects %] [[ fixed_effects | indicators ]][% endif %]"
[% if exposure %]
local exposure "exposure([[ exposure ]])"
[% else %]
local exposure ""
[% endif %]
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

ssd_step poisson "Estimate the Poisson model"
poisson `model', `exposure' `vce'
ssd_tidy poisson
ssd_tidy_exponentiated poisson_irr
[% if treatment not in text_variables %]
local key "[[ treatment ]]"
if _se[`key'] == 0 ssd_fail COLLINEAR [[ treatment ]] "[[ treatment ]] is a linear combination of the other regressors." 459
[% endif %]
if e(converged) != 1 ssd_fail NOT_CONVERGED [[ outcome ]] "The Poisson model did not converge." 430
foreach item in N df_m chi2 p r2_p ll ll_0 N_clust {
    ssd_glance poisson `item' e(`item')
}
local ll_poisson = e(ll)
local parameters = e(rank)
local observations = e(N)

* Pearson's statistic over its degrees of freedom is 1 when mean and variance agree; the regression of
* Cameron and Trivedi (1990) tests that against a variance that grows with the square of the mean.
ssd_step dispersion "Test for overdispersion"
predict double ssd_mean, n
generate double ssd_pearson = ([[ outcome ]] - ssd_mean)^2 / ssd_mean
quietly summarize ssd_pearson
ssd_glance dispersion pearson_chi2 r(sum)
ssd_glance dispersion pearson_df `observations'-`parameters'
ssd_glance dispersion pearson_p_value chi2tail(`observations'-`parameters',r(sum))
ssd_glance dispersion pearson_ratio r(sum)/(`observations'-`parameters')
ssd_step margins "Average marginal effects of the Poisson model"
margins, dydx(*)
ssd_tidy poisson_margins

generate double ssd_excess = (([[ outcome ]] - ssd_mean)^2 - [[ outcome ]]) / ssd_mean
quietly regress ssd_excess ssd_mean, noconstant
ssd_glance dispersion cameron_trivedi_t _b[ssd_mean]/_se[ssd_mean]
ssd_glance dispersion cameron_trivedi_p_value 2*ttail(e(df_r),abs(_b[ssd_mean]/_se[ssd_mean]))

ssd_step nbreg "Estimate the negative binomial model"
nbreg `model', `exposure' `vce'
ssd_tidy nbreg
ssd_tidy_exponentiated nbreg_irr
if e(converged) != 1 ssd_fail NOT_CONVERGED [[ outcome ]] "The negative binomial model did not converge." 430
foreach item in N df_m chi2 p r2_p ll ll_0 alpha N_clust {
    ssd_glance nbreg `item' e(`item')
}
* alpha lies on the border of its range under the null hypothesis, so the p-value is half of chi-squared(1).
ssd_glance dispersion lr_alpha_chi2 max(0,2*(e(ll)-`ll_poisson'))
ssd_glance dispersion lr_alpha_p_value chi2tail(1,max(0,2*(e(ll)-`ll_poisson')))/2
[[ close_results() ]]
[[ coefficient_figure("poisson_irr", 1) ]]
[[ epilogue() ]]
