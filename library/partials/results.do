[% macro cells() %]
* Numbers of a results file with all their digits; a missing number is an empty cell.
program define ssd_cells
    gettoken handle values : 0
    foreach value of local values {
        file write `handle' "," (cond(missing(`value'), "", strtrim(string(`value', "%18.0g"))))
    }
end

program define ssd_label_cell
    args handle label
    file write `handle' "," (char(34)) "`label'" (char(34))
end
[% endmacro %]

[% macro glance() %]
program define ssd_glance
    args model key value
    file write ssd_glance "`model',`key'"
    ssd_cells ssd_glance `value'
    file write ssd_glance _n
end

file open ssd_glance using "glance.csv", write text replace
file write ssd_glance "model,key,value" _n
[% endmacro %]

[% macro sample_counts() %]
ssd_glance sample rows_read `rows_read'
ssd_glance sample rows_selected `rows_selected'
ssd_glance sample rows_used `rows_used'
[% endmacro %]

[% macro tidy() %]
* Words for a term: the label of its variable, and of its level for a category.
program define ssd_term_label, rclass
    args term
    local parts : subinstr local term "#" " ", all
    local words ""
    foreach part of local parts {
        local dot = strpos("`part'", ".")
        local name = substr("`part'", `dot' + 1, .)
        local word "`name'"
        capture confirm variable `name', exact
        if _rc == 0 {
            local found : variable label `name'
            if "`found'" != "" local word "`found'"
            local level = real(substr("`part'", 1, `dot' - 1))
            if `dot' > 1 & !missing(`level') {
                local text : label (`name') `level'
                local word "`word': `text'"
            }
        }
        if "`name'" == "_cons" local word "Constant"
        if "`words'" != "" local words "`words' x "
        local words "`words'`word'"
    }
    return local label "`words'"
end

program define ssd_tidy_row
    args model term label estimate std_error statistic p_value conf_low conf_high df
    file write ssd_tidy "`model',`term'"
    ssd_label_cell ssd_tidy "`label'"
    ssd_cells ssd_tidy `estimate' `std_error' `statistic' `p_value' `conf_low' `conf_high' `df'
    file write ssd_tidy _n
end

* Rows of the model just estimated. The table is kept, because the next r-class command clears r().
program define ssd_tidy
    args model
    matrix ssd_table = r(table)
    ssd_tidy_rows `model'
end

* The same rows exponentiated: odds ratios and rate ratios, with delta-method standard errors.
program define ssd_tidy_exponentiated
    args model
    ssd_tidy_rows `model' eform
end

program define ssd_tidy_rows
    args model form
    tempname b se statistic p low high
    local terms : colnames ssd_table
    local equations : coleq ssd_table
    local columns = colsof(ssd_table)
    forvalues j = 1/`columns' {
        local term : word `j' of `terms'
        local equation : word `j' of `equations'
        * A base level is what the others are compared with, not a result.
        if regexm("`term'", "[0-9]b\.") continue
        ssd_term_label `term'
        local label "`r(label)'"
        * Parameters beside the coefficients are free parameters (equation /) or an equation of their own.
        if "`equation'" == "/" local term "/`term'"
        if "`equation'" == "lnalpha" local term "/lnalpha"
        if "`term'" == "/lnalpha" local label "ln(alpha)"
        scalar `b' = ssd_table[1,`j']
        scalar `se' = ssd_table[2,`j']
        scalar `statistic' = ssd_table[3,`j']
        scalar `p' = ssd_table[4,`j']
        scalar `low' = ssd_table[5,`j']
        scalar `high' = ssd_table[6,`j']
        if regexm("`term'", "(^|#|[0-9])o\.") {
            foreach cell in b se statistic p low high {
                scalar ``cell'' = .
            }
            local label "`label' (omitted)"
        }
        if "`form'" == "eform" {
            scalar `b' = exp(`b')
            scalar `se' = `se' * `b'
            scalar `low' = exp(`low')
            scalar `high' = exp(`high')
        }
        ssd_tidy_row `model' `term' "`label'" `b' `se' `statistic' `p' `low' `high' ssd_table[7,`j']
    }
end

file open ssd_tidy using "tidy.csv", write text replace
file write ssd_tidy "model,term,label,estimate,std_error,statistic,p_value,conf_low,conf_high,df" _n
[% endmacro %]

[% macro close_results() %]
file close ssd_tidy
file close ssd_glance
[% endmacro %]

[% macro coefficient_figure(model, reference=0) %]
ssd_step figure "Draw the coefficients"
import delimited using "tidy.csv", varnames(1) encoding("UTF-8") clear
keep if model == [[ model | quoted ]] & term != "_cons" & !missing(std_error)
* More than 40 rows cannot be read in a figure; the table has them all.
keep if _n <= 40
local rows = _N
if `rows' > 0 {
    generate place = _N - _n + 1
    forvalues i = 1/`rows' {
        local at = place[`i']
        local words = label[`i']
        label define ssd_terms `at' "`words'", add
    }
    label values place ssd_terms
    twoway (rcap conf_low conf_high place, horizontal) (scatter place estimate), ///
        xline([[ reference ]]) ylabel(1(1)`rows', valuelabel angle(horizontal)) ///
        ytitle("") xtitle("Estimate and confidence interval") legend(off)
    graph export "coefficients.svg", replace
}
[% endmacro %]
