[% macro checks() %]
program define ssd_require_variables
    foreach name of local 0 {
        capture confirm variable `name', exact
        if _rc ssd_fail VARIABLE_NOT_FOUND `name' "The data have no variable `name'." 111
    }
end

program define ssd_require_numeric
    foreach name of local 0 {
        capture confirm numeric variable `name'
        if _rc ssd_fail NOT_NUMERIC `name' "`name' holds text where numbers are needed." 109
    }
end

program define ssd_require_variation
    foreach name of local 0 {
        quietly summarize `name'
        if r(N) < 2 | r(min) == r(max) ssd_fail NO_VARIATION `name' "`name' does not vary in the observations used." 459
    }
end
[% endmacro %]

[% macro categories() %]
* Text becomes numbered categories under the same name, so that i.name works and the text stays as label.
* Quotes and macro characters in the text become look-alikes: no cell value may ever be read as code.
program define ssd_categorical
    foreach name of local 0 {
        tempvar text
        local label : variable label `name'
        generate `text' = subinstr(subinstr(strtrim(`name'), char(34), "″", .), char(96), "‘", .)
        quietly replace `text' = subinstr(`text', char(36), "＄", .)
        drop `name'
        capture label drop `name'
        encode `text', generate(`name') label(`name')
        label variable `name' "`label'"
        drop `text'
    }
end

* Factor-variable notation takes whole numbers from 0 up.
program define ssd_require_codes
    foreach name of local 0 {
        capture assert `name' == floor(`name') & `name' >= 0 if !missing(`name')
        if _rc ssd_fail NOT_CATEGORICAL `name' "`name' must hold whole numbers from 0 up to be used as categories." 452
    }
end
[% endmacro %]

[% macro binaries() %]
* A variable with two values becomes 0/1 under the same name; the larger value (or the later text) is 1.
program define ssd_binary
    foreach name of local 0 {
        quietly summarize `name'
        local low = r(min)
        local high = r(max)
        quietly count if !inlist(`name', `low', `high')
        if r(N) > 0 ssd_fail NOT_BINARY `name' "`name' has more than two values in the observations used." 459
        if `low' == `high' ssd_fail NO_VARIATION `name' "`name' does not vary in the observations used." 459
        if `low' != 0 | `high' != 1 {
            local label : variable label `name'
            local level : label (`name') `high'
            generate byte ssd_one = `name' == `high' if !missing(`name')
            drop `name'
            rename ssd_one `name'
            label variable `name' "`label' = `level'"
            display as text "`name' is 1 where it was `level', else 0."
        }
    }
end
[% endmacro %]

[% macro load(filters=[]) %]
ssd_step load "Load the data"
use "[[ run.dataset_file | text ]]", clear
quietly count
local rows_read = r(N)
[% if filters %]
keep if [[ filters | condition ]]
[% endif %]
quietly count
local rows_selected = r(N)
if `rows_selected' == 0 ssd_fail NO_OBSERVATIONS "" "No observation is left after the filters." 2000
[% endmacro %]

[% macro labels() %]
* Labels are set here, in a form that can be quoted.
[% for variable in labelled %]
label variable [[ variable.name ]] "[[ variable.label | text ]]"
[% if variable.levels %]
capture label drop [[ variable.name ]]
[% for level in variable.levels %]
label define [[ variable.name ]] [[ level[0] ]] "[[ level[1] | text ]]", add
[% endfor %]
label values [[ variable.name ]] [[ variable.name ]]
[% endif %]
[% endfor %]
[% endmacro %]

[% macro complete(names, least=3) %]
* One sample for everything that follows: observations with no missing value in any variable of the model.
keep if !missing([[ names | commas ]])
quietly count
local rows_used = r(N)
if `rows_used' < [[ least ]] ssd_fail TOO_FEW_OBSERVATIONS "" "Only `rows_used' observations are complete." 2001
[% endmacro %]

[% macro clusters(name) %]
quietly summarize [[ name ]]
if r(min) == r(max) ssd_fail ONE_CLUSTER [[ name ]] "[[ name ]] has one value: clustered standard errors need several." 459
[% endmacro %]
