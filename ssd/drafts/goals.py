"""The one question that is always asked: what the analysis is for."""

from __future__ import annotations

import re
from typing import Final

from ssd.drafts.language import Language
from ssd.drafts.models import Option, Question

GOAL_QUESTION: Final = "analysis_goal"

GOALS: Final[dict[str, dict[Language, str]]] = {
    "descriptive": {"en": "Describe the data (summary statistics)", "zh": "描述数据（描述性统计）"},
    "difference": {"en": "Compare groups (is there a difference?)", "zh": "比较组间差异"},
    "association": {"en": "Measure how variables go together", "zh": "分析变量之间的关联"},
    "causal": {"en": "Estimate the effect of one variable on another", "zh": "估计一个变量对另一个变量的影响（因果）"},
    "prediction": {"en": "Predict or explain an outcome from several variables", "zh": "用多个变量预测或解释结果变量"},
}

GOAL_DESIGNS: Final[dict[str, frozenset[str]]] = {
    "descriptive": frozenset({"descriptive", "correlation"}),
    "difference": frozenset({"test", "did"}),
    "association": frozenset(
        {"correlation", "ols", "panel", "discrete", "count", "timeseries", "multivariate", "spatial"}
    ),
    "causal": frozenset(
        {"ols", "panel", "iv", "did", "discrete", "count", "rdd", "matching", "survival", "spatial", "finance"}
    ),
    "prediction": frozenset(
        {"ols", "panel", "discrete", "count", "ml", "timeseries", "survival", "bayesian", "finance"}
    ),
}
"""Designs that can serve a goal; another design gives way to the goal a person chose."""

_BY_DESIGN: Final = {
    "descriptive": "descriptive",
    "correlation": "association",
    "test": "difference",
    "iv": "causal",
    "did": "causal",
}
_CAUSAL: Final = re.compile(
    r"\b(?:effects?|impacts?|influences?|affects?|causes?|causal(?:ly)?|returns?\s+to|raises?|increases?|reduces?|lowers?|improves?)\b"
    r"|影响|效应|作用|效果|因果|提高|降低|促进|抑制|回报",
    re.IGNORECASE,
)
_PREDICTION: Final = re.compile(
    r"\bpredict|\bforecast|\bdeterminants?\b|\bdrivers?\b|\bexplains?\b|预测|决定因素|影响因素|驱动因素", re.IGNORECASE
)
_ASSOCIATION: Final = re.compile(
    r"\b(?:associat|relat|link|depend|correlat|var(?:y|ies)\s+with|regress)|关系|关联|联系|取决|依赖|相关|回归",
    re.IGNORECASE,
)
_QUESTION_TEXT: Final = {"en": "What is the analysis for?", "zh": "这次分析的目的是什么？"}


def suggested_goal(text: str, design: str, *, design_is_clear: bool) -> str | None:
    """The goal the requirement states, or None where it leaves it open."""
    if design in _BY_DESIGN and design_is_clear:
        return _BY_DESIGN[design]
    if _PREDICTION.search(text):
        return "prediction"
    if _CAUSAL.search(text):
        return "causal"
    if _ASSOCIATION.search(text):
        return "association"
    # A model asked for by its name is at least a question of association.
    return "association" if design_is_clear and design in GOAL_DESIGNS["association"] else None


def goal_question(language: Language, suggested: str | None) -> Question:
    """The analysis_goal question in the language of the requirement."""
    options = [Option(goal, texts[language], goal) for goal, texts in GOALS.items()]
    return Question(GOAL_QUESTION, _QUESTION_TEXT[language], "single_choice", options, 1, suggested)


def design_for_goal(design: str, goal: str | None, *, regression: str, has_panel: bool, has_roles: bool) -> str:
    """The design that serves the goal: the one read from the text where it can, else the goal's plainest.

    `regression` is what fits the outcome (ols, discrete, count); `has_roles` tells that outcome and
    treatment are known, so that an association can be a regression rather than a correlation.
    """
    if goal is None or design in GOAL_DESIGNS[goal]:
        return design
    if goal == "descriptive":
        return "descriptive"
    if goal == "difference":
        return "test"
    if goal == "association" and not has_roles:
        return "correlation"
    if goal == "causal" and has_panel and regression == "ols":
        return "panel"
    return regression
