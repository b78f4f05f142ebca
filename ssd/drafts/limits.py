"""What the draft understood but the analysis proposed cannot do, and what it took for granted, in plain words."""

from __future__ import annotations

from typing import Any, Final

from ssd.drafts.language import Language
from ssd.drafts.methods import method_of
from ssd.drafts.models import Draft, SelectedTemplate, Unplaced
from ssd.drafts.needs import DESCRIPTIONS
from ssd.drafts.wording import conditions, method_name

_OTHER_FIELDS: Final[dict[str, dict[Language, str]]] = {
    "interaction_terms": {"en": "Interactions", "zh": "交互项"},
    "cutoff": {"en": "The cutoff", "zh": "断点"},
    "lags": {"en": "The number of lags", "zh": "滞后阶数"},
    "filters": {"en": "The condition on the sample", "zh": "样本条件"},
    "method": {"en": "The method", "zh": "方法"},
}
_CANNOT: Final[dict[Language, str]] = {
    "en": "{what} ({names}): the analysis “{title}” cannot use it, so it is left out.",
    "zh": "{what}（{names}）：所选分析“{title}”无法使用，将不被纳入。",
}
_OTHER_METHOD: Final[dict[Language, str]] = {
    "en": "You asked for {method}; the analysis “{title}” does not make it. Please confirm or choose another.",
    "zh": "您要求{method}，而所选分析“{title}”不包含该方法，请确认或另选。",
}
_NO_TEMPLATE: Final[dict[Language, str]] = {
    "en": "There is no template for {method} yet; the nearest is “{title}”, which you would have to confirm.",
    "zh": "目前没有{method}的模板；最接近的是“{title}”，需要您确认后才会采用。",
}
_CODES: Final[dict[Language, str]] = {
    "en": "“{word}” was read as {name} = {value}; please check how {name} is coded.",
    "zh": "“{word}”按 {name} = {value} 处理，请核对 {name} 的编码。",
}


def limits(draft: Draft, selected: SelectedTemplate | None) -> list[str]:
    """One sentence for a design or method the template does not make, and one for each part it has no place for."""
    if selected is None:
        return []
    said = [] if selected.serves_design else [not_served(draft, selected)]
    said += [
        _unplaced_words(draft, selected, item)
        for item in selected.unplaced
        if selected.serves_design or item.field != "method"
    ]
    return said


def not_served(draft: Draft, selected: SelectedTemplate) -> str:
    """That the library has no template of the design, and what is proposed instead."""
    wanted = method_name(draft.design, draft.language, draft.method)
    return _NO_TEMPLATE[draft.language].format(method=wanted, title=selected.title)


def assumptions(assumed: tuple[tuple[str, str, Any], ...], language: Language) -> list[str]:
    """(column, word, value): codes that were taken for granted."""
    return [_CODES[language].format(name=name, word=word, value=value) for name, word, value in assumed]


def _unplaced_words(draft: Draft, selected: SelectedTemplate, item: Unplaced) -> str:
    language = draft.language
    if item.field == "method":
        method = method_of(item.names[0])
        name = method.names[language] if method else item.names[0]
        return _OTHER_METHOD[language].format(method=name, title=selected.title)
    what = DESCRIPTIONS.get(item.field) or _OTHER_FIELDS.get(item.field, {"en": item.field, "zh": item.field})
    names = item.names
    filters = draft.default_overrides.get("filters")
    if item.field == "filters" and isinstance(filters, list):
        names = conditions(filters, language)
    joined = ("、" if language == "zh" else ", ").join(names)
    return _CANNOT[language].format(what=what[language], names=joined, title=selected.title)
