"""What the service understood, told to the researcher in the language of the requirement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ssd.drafts.language import Language
from ssd.drafts.methods import method_of
from ssd.drafts.models import Draft
from ssd.inputs.models import DatasetProfile

METHODS: Final[dict[str, dict[Language, str]]] = {
    "descriptive": {"en": "descriptive statistics", "zh": "描述性统计"},
    "correlation": {"en": "a correlation analysis", "zh": "相关性分析"},
    "test": {"en": "a comparison of group means (t test)", "zh": "组间均值比较（t检验）"},
    "ols": {"en": "a linear regression (OLS)", "zh": "线性回归（OLS）"},
    "panel": {"en": "a panel regression with fixed effects", "zh": "面板固定效应回归"},
    "iv": {"en": "an instrumental-variable regression (2SLS)", "zh": "工具变量回归（2SLS）"},
    "did": {"en": "a difference-in-differences regression", "zh": "双重差分（DID）回归"},
    "discrete": {"en": "a logit regression for a yes/no outcome", "zh": "二元结果的 logit 回归"},
    "count": {"en": "a count regression (Poisson, negative binomial)", "zh": "计数回归（泊松与负二项）"},
    "rdd": {"en": "a regression discontinuity design", "zh": "断点回归"},
    "matching": {"en": "a matching estimator", "zh": "匹配法"},
    "survival": {"en": "a survival analysis", "zh": "生存分析"},
    "timeseries": {"en": "a time-series model", "zh": "时间序列模型"},
}


_OPERATORS: Final[dict[str, dict[Language, str]]] = {
    "eq": {"en": "=", "zh": "="}, "ne": {"en": "≠", "zh": "≠"}, "lt": {"en": "<", "zh": "<"},
    "le": {"en": "≤", "zh": "≤"}, "gt": {"en": ">", "zh": ">"}, "ge": {"en": "≥", "zh": "≥"},
    "in": {"en": "in", "zh": "取值于"}, "missing": {"en": "is missing", "zh": "缺失"},
    "not_missing": {"en": "is not missing", "zh": "不缺失"},
}  # fmt: skip


def method_name(design: str, language: Language, method: str | None = None) -> str:
    named = method_of(method)
    if named is not None and named.design == design:
        return named.names[language]
    return METHODS.get(design, {"en": f"an analysis of kind “{design}”", "zh": f"“{design}”类分析"})[language]


def condition(entry: dict[str, Any], language: Language) -> str:
    """A filter in words: `year ≥ 2010`, `25 ≤ age ≤ 60`."""
    var, op, value = entry.get("var"), str(entry.get("op")), entry.get("value")
    if op == "between" and isinstance(value, list) and len(value) == 2:
        return f"{value[0]} ≤ {var} ≤ {value[1]}"
    sign = _OPERATORS.get(op, {"en": op, "zh": op})[language]
    return f"{var} {sign}" if value is None else f"{var} {sign} {value}"


def conditions(filters: list[Any], language: Language) -> list[str]:
    """Every filter in words; what is no filter is shown as it is, for the check of the parameters to refuse."""
    return [condition(entry, language) if isinstance(entry, dict) else str(entry) for entry in filters]


_SENTENCES: Final[dict[str, dict[Language, str]]] = {
    "question": {"en": "What we understood: {}.", "zh": "我们的理解：{}。"},
    "method": {"en": "The method is {}.", "zh": "采用的方法是{}。"},
    "controls": {"en": "Held constant: {}.", "zh": "控制变量：{}。"},
    "instruments": {"en": "Instruments: {}.", "zh": "工具变量：{}。"},
    "panel": {"en": "The data are a panel of {} over {}.", "zh": "数据是以{}为个体、{}为时间的面板。"},
    "fixed_effects": {"en": "Fixed effects: {}.", "zh": "固定效应：{}。"},
    "interaction_terms": {"en": "Interactions: {}.", "zh": "交互项：{}。"},
    "cluster_var": {"en": "Standard errors are clustered by {}.", "zh": "标准误聚类到{}。"},
    "weights_var": {"en": "Observations are weighted by {}.", "zh": "以{}为权重。"},
    "running_var": {"en": "Running variable: {}.", "zh": "驱动变量：{}。"},
    "cutoff": {"en": "Cutoff: {:g}.", "zh": "断点：{:g}。"},
    "duration_var": {"en": "Survival time: {}.", "zh": "生存时间：{}。"},
    "event_var": {"en": "Event: {}.", "zh": "结局事件：{}。"},
    "cohort_var": {"en": "Time of first treatment: {}.", "zh": "首次处理时间：{}。"},
    "exposure_var": {"en": "Exposure: {}.", "zh": "暴露量：{}。"},
    "lags": {"en": "Lags: {}.", "zh": "滞后阶数：{}。"},
    "sample": {"en": "Only observations with {}.", "zh": "样本限于：{}。"},
    "size": {"en": "The data have {:,} rows and {} columns.", "zh": "数据共{}行、{}列。"},
    "open": {"en": "Still open: {}.", "zh": "尚待确认：{}。"},
}
_ROLES: Final = (
    "fixed_effects", "interaction_terms", "cluster_var", "weights_var", "running_var", "cutoff", "duration_var",
    "event_var", "cohort_var", "exposure_var", "lags",
)  # fmt: skip


def draft_text(draft: Draft, profile: DatasetProfile) -> str:
    """A few sentences a researcher can check: question, method, variables, sample, open points, data, limits."""
    sentences = [_SENTENCES[key][draft.language].format(*values) for key, *values in _facts(draft, profile)]
    return ("" if draft.language == "zh" else " ").join([*sentences, *draft.warnings])


def _facts(draft: Draft, profile: DatasetProfile) -> Iterator[tuple[Any, ...]]:
    """(key of _SENTENCES, values) in the order in which they are told."""
    language = draft.language
    named = {name: _described(name, profile, language) for name in _names(draft)}
    question = _question_zh(draft, named) if language == "zh" else _question_en(draft, named)
    yield "question", question
    yield "method", method_name(draft.design, language, draft.method)
    for field in ("controls", "instruments"):
        if getattr(draft, field):
            yield field, _listed([named[name] for name in getattr(draft, field)], language)
    if draft.design == "panel" and draft.entity_var and draft.time_var:
        yield "panel", named[draft.entity_var], named[draft.time_var]
    for field in _ROLES:
        value = getattr(draft, field)
        if isinstance(value, list) and value:
            yield field, _listed([str(named.get(name, name)) for name in value], language)
        elif isinstance(value, str):
            yield field, named[value]
        elif isinstance(value, int | float):
            yield field, value
    filters = draft.default_overrides.get("filters")
    if isinstance(filters, list) and filters:
        yield "sample", _listed(conditions(filters, language), language)
    yield "size", profile.row_count, profile.column_count
    blocking = [unknown.description for unknown in draft.open_unknowns if unknown.blocking]
    if blocking:
        yield "open", ("；" if language == "zh" else "; ").join(text.rstrip(".。") for text in blocking)


def _listed(items: list[str], language: Language) -> str:
    if language == "zh":
        return "、".join(items)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _question_en(draft: Draft, named: dict[str, str]) -> str:
    outcome = named.get(draft.outcome_var or "", "an outcome still to be named")
    treatment = named.get(draft.treatment_var or "")
    variables = ", ".join(named[name] for name in draft.variables)
    group = named.get(draft.group_var or "", "groups still to be named")
    if draft.design == "descriptive":
        subject = variables or (named.get(draft.outcome_var or "") or "the data")
        return f"you want to describe {subject}" + (f" by {group}" if draft.group_var else "")
    if draft.design == "correlation":
        return f"you want to know how {variables or 'the variables'} go together"
    if draft.design == "test":
        return f"you want to know whether {outcome} differs between the groups of {group}"
    if draft.design == "did" and draft.cohort_var:
        return f"you want to know how {outcome} changed once the units were treated"
    if draft.design == "survival":
        return "you want to know how long it takes until the event" + (
            f", and how {treatment} changes it" if treatment else ""
        )
    if draft.design == "timeseries" and variables:
        return f"you want to know how {variables} move over time"
    if draft.design == "did":
        period = named.get(draft.post_var or "", "a period still to be named")
        return f"you want to know how {outcome} changed in the treated group ({group}) after the policy ({period})"
    if treatment:
        return f"you want to know how {treatment} affects {outcome}"
    return f"you want to explain {outcome}"


def _question_zh(draft: Draft, named: dict[str, str]) -> str:
    outcome = named.get(draft.outcome_var or "", "（待确定的结果变量）")
    treatment = named.get(draft.treatment_var or "")
    variables = "、".join(named[name] for name in draft.variables)
    group = named.get(draft.group_var or "", "（待确定的分组变量）")
    if draft.design == "descriptive":
        subject = variables or named.get(draft.outcome_var or "") or "数据"
        return (f"按{group}分组" if draft.group_var else "") + f"描述{subject}的基本情况"
    if draft.design == "correlation":
        return f"考察{variables or '各变量'}之间的相关性"
    if draft.design == "test":
        return f"比较{outcome}在{group}各组之间是否有差异"
    if draft.design == "did" and draft.cohort_var:
        return f"考察各个体受处理之后{outcome}发生了怎样的变化"
    if draft.design == "survival":
        return "考察事件发生所需的时间" + (f"以及{treatment}对它的影响" if treatment else "")
    if draft.design == "timeseries" and variables:
        return f"考察{variables}随时间的变化"
    if draft.design == "did":
        period = named.get(draft.post_var or "", "（待确定的时期变量）")
        return f"考察政策实施后（{period}）处理组（{group}）的{outcome}发生了怎样的变化"
    if treatment:
        return f"考察{treatment}对{outcome}的影响"
    return f"解释{outcome}的变化"


def _names(draft: Draft) -> list[str]:
    singles = (
        draft.outcome_var, draft.treatment_var, draft.group_var, draft.post_var, draft.entity_var, draft.time_var,
        draft.cluster_var, draft.weights_var, draft.running_var, draft.duration_var, draft.event_var, draft.cohort_var,
        draft.exposure_var,
    )  # fmt: skip
    lists = (*draft.controls, *draft.instruments, *draft.fixed_effects, *draft.variables)
    return [name for name in (*singles, *lists) if name]


def _described(name: str, profile: DatasetProfile, language: Language) -> str:
    """`wage (average hourly earnings)`; the label only where it says more than the name."""
    column = profile.column(name)
    if column is None or not column.label or column.label.lower() == name.lower():
        return name
    return f"{name}（{column.label}）" if language == "zh" else f"{name} ({column.label})"
