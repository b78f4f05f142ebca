[% from "partials/session.do" import prologue, epilogue with context %]
[% from "partials/data.do" import checks, categories, load, labels, complete, clusters with context %]
[% from "partials/results.do" import cells, glance, tidy, sample_counts, close_results, coefficient_figure with context %]
[% set regressors = [treatment] + covariates %]
[% set everything = ([outcome] + regressors + [entity, time] + ([cluster] if cluster else [])) | unique %]
[% set text_variables = everything | text_only %]
[[ prologue(confidence) ]]
[[ checks() ]]
[[ categories() ]]
[[ load(filters) ]]
ssd_step validate "Check the variables and the panel"
ssd_require_variables [[ everything | vars ]]
ssd_require_numeric [[ everything | numeric_only | vars ]]
[[ labels() ]]
[[ complete(everything) ]]
[% if text_variables %]
ssd_categorical [[ text_variables | vars ]]
[% endif %]
[% if time_effects %]
ssd_require_codes [[ time ]]
[% endif %]
ssd_require_variation [[ outcome ]] [[ regressors | vars ]] [[ entity ]] [[ time ]]
* Two rows of one entity in one period make the panel ambiguous; none of them is dropped on a guess.
sort [[ entity ]] [[ time ]]
quietly by [[ entity ]] [[ time ]]: generate byte ssd_repeated = _N > 1
quietly count if ssd_repeated
if r(N) > 0 ssd_fail NOT_UNIQUE [[ entity ]] "[[ entity ]] and [[ time ]] do not identify the rows: `r(N)' rows share a combination." 459
drop ssd_repeated
quietly by [[ entity ]]: generate long ssd_periods = _N
quietly summarize ssd_periods
if r(max) < 2 ssd_fail NO_PANEL [[ entity ]] "No [[ entity ]] is observed in more than one period." 459
drop ssd_periods
[% if cluster %]
[[ clusters(cluster) ]]
[% if cluster != entity %]
quietly by [[ entity ]]: generate byte ssd_moves = [[ cluster ]] != [[ cluster ]][1]
quietly count if ssd_moves
if r(N) > 0 ssd_fail NOT_NESTED [[ cluster ]] "A [[ entity ]] changes its [[ cluster ]]: clusters must contain whole entities." 459
drop ssd_moves
[% endif %]
[% endif %]
xtset [[ entity ]] [[ time ]]
local regressors "[[ regressors | terms ]][% if time_effects %] i.[[ time ]][% endif %]"

[[ cells() ]]
[[ glance() ]]
[[ tidy() ]]
[[ sample_counts() ]]

ssd_step pooled "Estimate the pooled regression for comparison"
regress [[ outcome ]] `regressors', vce(cluster [[ cluster if cluster else entity ]])
ssd_tidy pooled
ssd_glance pooled N e(N)
ssd_glance pooled r2 e(r2)

* Whether the entity effects are jointly zero is tested with the conventional variance, as xtreg itself does.
ssd_step entity_effects "Test the entity effects"
xtreg [[ outcome ]] `regressors', fe
ssd_glance entity_effects F e(F_f)
ssd_glance entity_effects df_1 e(N_g)-1
ssd_glance entity_effects df_2 e(df_r)
ssd_glance entity_effects p_value Ftail(e(N_g)-1,e(df_r),e(F_f))

ssd_step estimate "Estimate the fixed-effects regression"
[% if cluster %]
xtreg [[ outcome ]] `regressors', fe vce(cluster [[ cluster ]])
ssd_glance main n_clusters e(N_clust)
[% elif vce == "robust" %]
xtreg [[ outcome ]] `regressors', fe vce(robust)
ssd_glance main n_clusters e(N_clust)
[% else %]
xtreg [[ outcome ]] `regressors', fe
[% endif %]
ssd_tidy main
[% if treatment not in text_variables %]
local key "[[ treatment ]]"
if _se[`key'] == 0 ssd_fail COLLINEAR [[ treatment ]] "[[ treatment ]] does not vary within [[ entity ]], or is collinear with the other regressors." 459
[% endif %]
foreach item in N N_g g_min g_avg g_max df_m df_r F r2_w r2_b r2_o corr sigma_u sigma_e rho {
    ssd_glance main `item' e(`item')
}
[% if time_effects %]

ssd_step time_effects "Test the time effects"
testparm i.[[ time ]]
ssd_glance time_effects F r(F)
ssd_glance time_effects df_1 r(df)
ssd_glance time_effects df_2 r(df_r)
ssd_glance time_effects p_value r(p)
[% endif %]
[[ close_results() ]]
[[ coefficient_figure("main") ]]
[[ epilogue() ]]
