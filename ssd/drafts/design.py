"""Which design a requirement asks for, from the words people use and from the outcome's kind."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from ssd.drafts.language import blank
from ssd.drafts.methods import named_method
from ssd.inputs.models import ColumnProfile

DESIGNS: Final[tuple[str, ...]] = (
    "descriptive", "correlation", "test", "ols", "panel", "iv", "did", "discrete", "count",
    "rdd", "matching", "survival", "timeseries", "multivariate", "spatial", "bayesian", "ml", "power", "text",
    "finance",
)  # fmt: skip
"""Kinds of analysis; those after count are recognized by name, and those after timeseries are for people to choose."""

OutcomeKind = Literal["binary", "count", "continuous", "categorical", "string"]


class DesignCue(msgspec.Struct, frozen=True):
    """The words that decided on a design; `design` is None where the words say only that something has an effect."""

    design: str | None
    words: str
    method: str | None = None


_COMPARISON: Final = re.compile(
    r"\bt[- ]?tests?\b|\bcompar(?:e|es|ing|ison)\b|\bdiffer(?:s|ences?|ent|ed)?\b|\bgaps?\b|earn(?:s)?\s+(?:more|less)|"
    r"\bthe\s+same\s+"
    r"(?:for|across|in|between)|(?:higher|lower|larger|greater|smaller)\s+(?:for|among|in|than)|\bbetween\s+\w+\s+and\s+(?:non|wo)"
    r"|\b(?:better|worse|more|less|fewer|longer|older|younger)\b[^.;?]{0,60}\bthan\b|是否更|更[高低多少大小]|比较|差异|差别|差距|区别|T检验|t检验|均值检验|是否相等",
    re.IGNORECASE,
)
_CORRELATION: Final = re.compile(
    r"\bcorrelat(?:e|es|ed|ion|ions|ing)\b|\bpearson\b|\bspearman\b|相关性|相关系数|相关分析|相关关系|相关矩阵|是否相关",
    re.IGNORECASE,
)
_ASSOCIATION: Final = re.compile(
    r"\b(?:associat(?:ion|ed)|relationship|relation|related|linked|link)\b|关系|关联|联系", re.IGNORECASE
)
_DESCRIPTION: Final = re.compile(
    r"\bdescri(?:be|ptives?|ption|bing)\b|\bsummar(?:y|i[sz]e|ies)\b|\boverview\b|\bmeans?\s+(?:of|and|by)\b|\baverages?\s+(?:of|\w+\s+(?:by|per|for\s+each))"
    r"|\bdistributions?\b|what\s+(?:do|does)\s+(?:the|my|this)\s+data|\btabulate\b|描述|概况|基本情况|汇总|均值|分布|统计量",
    re.IGNORECASE,
)
_EFFECT: Final = re.compile(
    r"\b(?:effects?|impacts?|influences?|affects?|determin(?:es?|ants?)|depends?|drives?|drivers?|causes?|causal|returns?\s+to|explains?|predict(?:s|ors?|ing|ion)?"
    r"|raises?|increases?|reduces?|lowers?|function\s+of|regression|model|improves?|boosts?|probability|likelihood|chances?)\b"
    r"|影响|效应|作用|效果|取决于|依赖|决定|回归|预测|解释|提高|降低|促进|抑制|改善|回报|概率|可能性",
    re.IGNORECASE,
)
_METHOD_NOUN: Final = (
    r"(?:\w+[\s-]+){0,4}?(?:fixed[\s-]effects?|instruments?|instrumental|ivs?\b|2sls|cluster\w*|control\w*|ols\b|logit|probit|poisson|"
    r"regress\w*|panel|diff\w*-in-\w+|difference-in-differences|did\b|weight\w*|correlat\w*|caus\w*|adjust\w*|"
    r"t[- ]?tests?)"
)
_NEGATED: Final = re.compile(
    rf"\b(?:without|no|not|don't|do\s+not|does\s+not|never|rather\s+than|instead\s+of|avoid|neither)\s+{_METHOD_NOUN}"
    r"(?:(?!\b(?:but|use|using|just|only|simply)\b)[^,.;，。；]){0,80}"
    r"|(?:不要|不需要?|无需|不用|不使用|不采用|不控制|不加入|不考虑|而非|而不是|不做|没有)"
    r"[^，。；,;]{0,12}?(?:固定效应|工具变量|聚类|控制[^，。；,;]{0,60}|回归|双重差分|加权|相关|因果|描述[^，。；,;]{0,60}|检验|logit|OLS|泊松)(?![^，。；]{0,1}模型)",
    re.IGNORECASE,
)
_COUNT_WORDS: Final = re.compile(
    r"\bnumber\s+of\b|\bhow\s+(?:many|often)\b|\bcounts?\s+of\b|\b(?:visits|arrests|accidents|patents|doctor\s+visits|children\s+ever)\b"
    r"|次数|件数|数目|个数|专利数",
    re.IGNORECASE,
)
_COUNT_COLUMN: Final = re.compile(
    r"^(?:num|n_|no_of|count|narr|nkids|numkids|docvis|kids)|number of|\bcount\b|# of|# "
    r"|times |visits|arrests|accidents"
    r"|次数|件数|个数|数量|专利数",
    re.IGNORECASE,
)


_MOST_COUNTS: Final = 100
"""Distinct values up to which a whole number is taken for a count of events; hours worked have hundreds."""


def without_negations(text: str) -> str:
    """The text with refused methods blanked out, every other character at its old place."""
    return _NEGATED.sub(lambda match: blank(len(match.group())), text)


def explicit_design(text: str) -> DesignCue | None:
    """The design a method word names; the most demanding one when several are named."""
    named = named_method(text)
    return DesignCue(named[0].design, named[1], named[0].id) if named else None


def implied_design(text: str) -> DesignCue | None:
    """What ordinary words ask for: a comparison, a correlation, a description, or an effect (design None)."""
    ranked = (
        ("correlation", _CORRELATION),
        ("effect", re.compile(r"(?!)") if _COMPARISON.search(text) and not _strong_effect(text) else _EFFECT),
        ("test", _COMPARISON),
        ("association", _ASSOCIATION),
        ("descriptive", _DESCRIPTION),
    )
    for name, pattern in ranked:
        match = pattern.search(text)
        if match:
            return DesignCue(None if name == "effect" else name, match.group().strip())
    return None


def _strong_effect(text: str) -> bool:
    return bool(
        re.search(
            r"\b(?:effects?|impacts?|influences?|affects?)\b.{0,100}\bon\b|\baffects?\b|\bdepends?\b|对.{0,60}(?:影响|效应|作用)",
            text,
            re.I,
        )
    )


def outcome_kind(column: ColumnProfile | None, text: str = "") -> OutcomeKind:
    """What kind of outcome a column is; whole numbers count events only when name, label or text say so."""
    if column is None:
        return "continuous"
    if column.inferred_type == "string":
        return "binary" if column.n_unique == 2 else "string"
    if column.inferred_type == "boolean" or (column.n_unique == 2 and (column.min, column.max) == (0, 1)):
        return "binary"
    if column.inferred_type == "integer" and isinstance(column.min, int | float) and column.min >= 0:
        named = _COUNT_COLUMN.search(column.label) or _COUNT_COLUMN.search(column.stata_name)
        if (named or _COUNT_WORDS.search(text)) and column.min == 0 and 2 < column.n_unique <= _MOST_COUNTS:
            return "count"
    if column.value_labels and 2 < column.n_unique <= 10:
        return "categorical"
    return "continuous"


def regression_for(kind: OutcomeKind) -> str:
    """The regression that fits an outcome of this kind."""
    return {"binary": "discrete", "count": "count"}.get(kind, "ols")
