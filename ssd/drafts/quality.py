"""Warnings about the data that a careful analyst would give before any model is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ssd.drafts.language import Language
from ssd.drafts.models import Draft, QualityWarning
from ssd.inputs.models import ColumnProfile, DatasetProfile

_MANY_MISSING: Final = 0.2
_FEW_ROWS: Final = 30
_FEW_CLUSTERS: Final = 30
"""Cluster-robust standard errors rest on the number of clusters; below about 30 they are known to be too small."""

_TEXTS: Final[dict[str, dict[Language, tuple[str, str]]]] = {
    "missing_values": {
        "en": ("{name} is missing in {share:.0%} of the rows ({n} of {rows}).",
            "Rows with missing values are left out; check whether they are missing at random."),
        "zh": ("变量 {name} 有 {share:.0%} 的观测缺失（{n}/{rows}）。", "含缺失值的行会被剔除，请确认缺失是否随机。"),
    },
    "constant": {
        "en": ("{name} has the same value in every row.", "Choose another variable."),
        "zh": ("变量 {name} 在所有行取值相同。", "请选择其他变量。"),
    },
    "text_where_number_needed": {
        "en": ("{name} holds text, but a number is needed here.", "Correct the column or choose a numeric one."),
        "zh": ("变量 {name} 是文本，而此处需要数值变量。", "请修正该列或选择数值变量。"),
    },
    "few_rows": {
        "en": ("The data have only {rows} rows.", "Read standard errors and tests with care."),
        "zh": ("数据只有 {rows} 行。", "请谨慎解读标准误与检验结果。"),
    },
    "few_clusters": {
        "en": ("{name} has only {n} clusters.", "Cluster-robust standard errors are unreliable with few clusters."),
        "zh": ("变量 {name} 只有 {n} 个聚类。", "聚类数过少时聚类稳健标准误不可靠。"),
    },
    "unbalanced_panel": {
        "en": ("The panel of {entity} by {time} is not balanced.", "Check whether units leave the data for a reason."),
        "zh": ("由 {entity} 与 {time} 构成的面板不平衡。", "请检查样本退出是否存在原因。"),
    },
    "not_identified_rows": {
        "en": ("No pair of columns identifies the rows as a panel.", "Check entity and time for duplicates."),
        "zh": ("没有任何两列能唯一确定面板的行。", "请检查个体与时间变量是否有重复。"),
    },
    "binary_outcome": {
        "en": ("The outcome {name} takes only two values; a linear model can predict outside 0 and 1.",
            "Consider a logit model."),
        "zh": ("结果变量 {name} 只有两个取值，线性模型的预测可能超出0到1。", "可考虑使用 logit 模型。"),
    },
    "preparation": {"en": ("{text}", "Check the preview."), "zh": ("{text}", "请查看数据预览。")},
}  # fmt: skip


def quality_warnings(draft: Draft, profile: DatasetProfile) -> list[QualityWarning]:
    """What may go wrong with these variables in these data, in the draft's language."""
    return [_warning(draft.language, *found) for found in _findings(draft, profile)]


def _warning(language: Language, kind: str, severity: str, values: dict[str, object]) -> QualityWarning:
    message, suggestion = _TEXTS[kind][language]
    return QualityWarning(kind, severity, message.format(**values), suggestion)  # type: ignore[arg-type]


def _findings(draft: Draft, profile: DatasetProfile) -> Iterator[tuple[str, str, dict[str, object]]]:
    rows = profile.row_count
    if rows < _FEW_ROWS:
        yield "few_rows", "warning", {"rows": rows}
    used = set(used_columns(draft))
    for column in profile.columns:
        if column.stata_name in used:
            yield from _column_findings(draft, column, rows)
    cluster = profile.column(draft.cluster_var) if draft.cluster_var else None
    if cluster is not None and cluster.n_unique < _FEW_CLUSTERS:
        yield "few_clusters", "warning", {"name": cluster.stata_name, "n": cluster.n_unique}
    if draft.design == "panel":
        guesses = [g for g in profile.panel_guesses if (g.entity, g.time) == (draft.entity_var, draft.time_var)]
        if not profile.panel_guesses:
            yield "not_identified_rows", "warning", {}
        elif guesses and not guesses[0].balanced:
            yield "unbalanced_panel", "info", {"entity": guesses[0].entity, "time": guesses[0].time}
    for text in profile.warnings:
        yield "preparation", "info", {"text": text}


def _column_findings(draft: Draft, column: ColumnProfile, rows: int) -> Iterator[tuple[str, str, dict[str, object]]]:
    name = column.stata_name
    if column.n_unique <= 1:
        yield "constant", "error", {"name": name}
    share = column.n_missing / rows if rows else 0.0
    if share >= _MANY_MISSING:
        yield "missing_values", "warning", {"name": name, "share": share, "n": column.n_missing, "rows": rows}
    measured = {draft.outcome_var, draft.weights_var, *draft.instruments}
    if column.inferred_type == "string" and name in measured and column.n_unique != 2:
        yield "text_where_number_needed", "error", {"name": name}
    if name == draft.outcome_var and draft.design == "ols" and column.n_unique == 2:
        yield "binary_outcome", "info", {"name": name}


def used_columns(draft: Draft) -> list[str]:
    """Every column that plays a part in the analysis, each once."""
    singles = (
        draft.outcome_var, draft.treatment_var, draft.group_var, draft.post_var, draft.cluster_var, draft.weights_var,
        draft.running_var, draft.duration_var, draft.event_var, draft.cohort_var, draft.exposure_var,
    )  # fmt: skip
    panel = (draft.entity_var, draft.time_var) if draft.design in {"panel", "did"} else ()
    lists = (*draft.controls, *draft.instruments, *draft.fixed_effects, *draft.variables)
    return list(dict.fromkeys(name for name in (*singles, *panel, *lists) if name))
