[% macro prologue(confidence=95) %]
* [[ template.title.en | comment ]] ([[ template.id | comment ]] [[ template.version | comment ]])
[% if run.dataset_name %]
* Data: [[ run.dataset_name | comment ]]
[% endif %]
[% if run.dataset_sha256 %]
* SHA-256 of the data: [[ run.dataset_sha256 | comment ]]
[% endif %]
version 17
clear all
set more off
set linesize 255
set varabbrev off
set level [[ confidence ]]
set seed [[ run.seed ]]
global SSD_STEP 0
global SSD_STEPS [[ step_count ]]

* Progress and refusals are lines a program can read.
program define ssd_step
    args id title
    global SSD_STEP = $SSD_STEP + 1
    display as text "SSD|step|$SSD_STEP|$SSD_STEPS|`id'|`title'"
end

program define ssd_fail
    args code variable message rc
    display as error "SSD|fail|`code'|`variable'|`message'"
    exit `rc'
end
[% endmacro %]

[% macro epilogue() %]
file open ssd_sentinel using "ssd_sentinel.txt", write text replace
file write ssd_sentinel "complete"
file close ssd_sentinel
[% endmacro %]
