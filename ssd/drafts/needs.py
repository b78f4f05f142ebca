"""What a design needs to be told, and which columns are plausible answers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from ssd.drafts.language import Language
from ssd.drafts.models import Draft, RequiredVariable, Unknown
from ssd.drafts.nearness import similar_names
from ssd.drafts.roles import is_grouping
from ssd.inputs.models import ColumnProfile, DatasetProfile

NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "descriptive": (),
    "correlation": ("variables",),
    "test": ("outcome_var", "group_var"),
    "ols": ("outcome_var", "treatment_var"),
    "panel": ("outcome_var", "treatment_var", "entity_var", "time_var"),
    "iv": ("outcome_var", "treatment_var", "instruments"),
    "did": ("outcome_var", "group_var", "post_var"),
    "discrete": ("outcome_var", "treatment_var"),
    "count": ("outcome_var", "treatment_var"),
    "rdd": ("outcome_var", "running_var"),
    "matching": ("outcome_var", "treatment_var", "controls"),
    "survival": ("duration_var", "event_var"),
    "timeseries": ("time_var",),
}
_DEFAULT_NEEDS: Final = ("outcome_var",)

DESCRIPTIONS: Final[dict[str, dict[Language, str]]] = {
    "outcome_var": {"en": "The outcome (dependent variable)", "zh": "被解释变量（结果变量）"},
    "treatment_var": {"en": "The variable whose effect is of interest", "zh": "核心解释变量"},
    "controls": {"en": "The control variables", "zh": "控制变量"},
    "variables": {"en": "The variables to look at", "zh": "要分析的变量"},
    "group_var": {"en": "The variable that forms the groups", "zh": "分组变量"},
    "post_var": {"en": "The 0/1 variable that marks the later period", "zh": "标记政策实施后时期的0/1变量"},
    "entity_var": {"en": "The variable that identifies the units observed repeatedly", "zh": "个体标识变量"},
    "time_var": {"en": "The variable that gives the time", "zh": "时间变量"},
    "cluster_var": {"en": "The variable by which standard errors are clustered", "zh": "标准误的聚类变量"},
    "instruments": {"en": "The instrument for the endogenous variable", "zh": "工具变量"},
    "running_var": {"en": "The running variable of the discontinuity", "zh": "断点回归的驱动变量"},
    "duration_var": {"en": "The time until the event or the end of observation", "zh": "生存时间变量"},
    "event_var": {
        "en": "The 0/1 variable that marks the event (0: censored)",
        "zh": "标记事件是否发生的0/1变量",
    },
    "cohort_var": {"en": "The time at which a unit was first treated", "zh": "首次处理时间变量"},
    "exposure_var": {"en": "The exposure of the counts", "zh": "暴露量变量"},
    "weights_var": {"en": "The weights", "zh": "权重变量"},
    "fixed_effects": {"en": "The fixed effects", "zh": "固定效应"},
}
_IMPACT: Final = {
    "en": "Without it the analysis ({design}) cannot be made.",
    "zh": "缺少该变量就无法进行所选分析（{design}）。",
}
_NOT_IN_DATA: Final = {
    "en": "You chose {names}, but the data no longer have it.",
    "zh": "您选择的 {names} 已不在数据中。",
}
_UNCLEAR: Final = {
    "en": "“{words}” could be {names}.",
    "zh": "“{words}”可能指 {names}。",
}
_TEMPLATE_QUESTION: Final = {
    "en": (
        "Is this the analysis you want?",
        "The requirement does not say plainly which analysis is wanted.",
    ),
    "zh": ("这是您想要的分析吗？", "研究需求没有明确说明需要哪种分析。"),
}
_TIME_LIKE: Final = re.compile(r"year|^yr|date|month|quarter|period|time|wave|年|月|季度|时间|日期", re.IGNORECASE)
_ID_LIKE: Final = re.compile(
    r"(?:^|_)(?:id|code|nr|no)$|id$|code$|^id|fips|省|市|县|州|企业|公司|代码|编号|地区", re.IGNORECASE
)
_AFTER_LIKE: Final = re.compile(r"post|after|^y\d\d$|^d\d\d$|后", re.IGNORECASE)
_TREATED_LIKE: Final = re.compile(r"treat|near|policy|处理|政策|实验|试点", re.IGNORECASE)


def needed_fields(design: str, method: str | None = None) -> tuple[str, ...]:
    if method in {"event_study", "staggered_did"} and design == "did":
        return ("outcome_var", "entity_var", "time_var", "cohort_var")
    return NEEDED.get(design, _DEFAULT_NEEDS)


def is_answered(draft: Draft, field: str) -> bool:
    """Whether the draft says what `field` is; controls alone also make a regression."""
    if field == "variables":
        return len(draft.variables) >= 2
    if field == "treatment_var" and draft.controls and draft.design in {"ols", "discrete", "count"}:
        return True
    if field == "group_var" and draft.design == "did" and draft.treatment_var is not None:
        return True
    return bool(getattr(draft, field))


def required_variables(draft: Draft, profile: DatasetProfile) -> list[RequiredVariable]:
    """Every variable the design needs, with its candidates, whether answered or not."""
    return [
        RequiredVariable(field, DESCRIPTIONS[field][draft.language], candidates(field, draft, profile))
        for field in needed_fields(draft.design, draft.method)
    ]


def open_unknowns(
    draft: Draft,
    profile: DatasetProfile,
    unclear: dict[str, tuple[str, tuple[str, ...]]],
    lost: dict[str, list[str]],
) -> list[Unknown]:
    """The open questions: needed and unanswered, words that could be several columns, choices that no longer fit.

    `unclear` maps a field to (words, candidate columns); `lost` maps a field to names people chose that the
    data no longer have.
    """
    language = draft.language
    needed = needed_fields(draft.design, draft.method)
    asked = []
    fields = dict.fromkeys((*(f for f in needed if not is_answered(draft, f)), *lost, *unclear))
    for field in fields:
        answered = is_answered(draft, field)
        if field in unclear and answered and field not in lost:
            continue
        ranked = candidates(field, draft, profile)
        description = DESCRIPTIONS.get(field, {"en": field, "zh": field})[language]
        if field in lost:
            names = ", ".join(lost[field])
            description += ": " + _NOT_IN_DATA[language].format(names=names)
            near = [name for lost_name in lost[field] for name in similar_names(lost_name, profile.columns)]
            ranked = list(dict.fromkeys([*near, *ranked]))
        elif field in unclear:
            words, names_possible = unclear[field]
            description += ": " + _UNCLEAR[language].format(words=words, names=" / ".join(names_possible))
            ranked = list(dict.fromkeys([*names_possible, *ranked]))
        blocking = field in lost or (field in needed and not answered) or (field in unclear and field != "controls")
        asked.append(Unknown(field, description, _IMPACT[language].format(design=draft.design), blocking, ranked[:8]))
    return asked


def template_unknown(draft: Draft, template_ids: list[str]) -> Unknown:
    """The question whether the template chosen with little confidence is the right one. It blocks nothing."""
    description, impact = _TEMPLATE_QUESTION[draft.language]
    return Unknown("selected_template_id", description, impact, False, template_ids)


def candidates(field: str, draft: Draft, profile: DatasetProfile, limit: int = 8) -> list[str]:
    """Columns that could answer `field`, most plausible first."""
    taken = _taken(draft, field)
    scored = [(_plausibility(field, column, profile), -place, column) for place, column in enumerate(profile.columns)]
    fitting = [(score, place, column.stata_name) for score, place, column in scored if score > 0]
    fitting = [(score - (1.5 if name in taken else 0.0), place, name) for score, place, name in fitting]
    return [name for score, _, name in sorted(fitting, reverse=True) if score > 0][:limit]


def _taken(draft: Draft, field: str) -> Collection[str]:
    singles = (
        "outcome_var",
        "treatment_var",
        "group_var",
        "post_var",
        "entity_var",
        "time_var",
        "weights_var",
    )
    names = {getattr(draft, other) for other in singles if other != field}
    lists = ("controls", "instruments", "fixed_effects")
    return {name for name in names if name} | {n for other in lists if other != field for n in getattr(draft, other)}


def _plausibility(field: str, column: ColumnProfile, profile: DatasetProfile) -> float:
    """How well a column fits a field by its kind and name alone; 0 where it cannot serve."""
    name = f"{column.stata_name} {column.label}"
    numeric = column.inferred_type in {"integer", "number", "boolean"}
    varies = column.n_unique > 1
    guess = profile.panel_guesses[0] if profile.panel_guesses else None
    names_unit = bool(_ID_LIKE.search(column.stata_name)) or bool(_TIME_LIKE.search(column.stata_name))
    if field == "entity_var":
        score = 2.0 if guess and column.stata_name == guess.entity else 0.0
        return (
            score
            + (1.0 if _ID_LIKE.search(column.stata_name) else 0.0)
            + (0.3 if 2 < column.n_unique < profile.row_count else 0)
        )
    if field == "time_var":
        score = 2.0 if guess and column.stata_name == guess.time else 0.0
        return score + (1.0 if _TIME_LIKE.search(name) or column.inferred_type == "datetime" else 0.0)
    if field in {"group_var", "cluster_var", "fixed_effects"}:
        score = 1.0 if is_grouping(column, profile.row_count) else 0.0
        score += 0.5 if field == "cluster_var" and _ID_LIKE.search(column.stata_name) else 0.0
        return score + (
            0.5 if score and field == "group_var" and (column.n_unique == 2 or _TREATED_LIKE.search(name)) else 0.0
        )
    if field in {"post_var", "event_var"}:
        return (1.0 if numeric and column.n_unique == 2 else 0.0) + (
            1.0 if numeric and _AFTER_LIKE.search(column.stata_name) else 0.0
        )
    if not numeric or not varies:
        return 0.0
    score = 0.4 if names_unit else 1.0
    if field == "outcome_var":
        score += 0.5 if column.inferred_type == "number" else 0.0
        score += 0.2 if column.n_unique > 10 else 0.0
    if field == "weights_var":
        score += 1.0 if re.search(r"weight|wt|pop|权重|人口", name, re.IGNORECASE) else 0.0
    return score - min(0.5, column.n_missing / max(1, profile.row_count))
