"""Two-stage selection of the template: families first, then templates ranked by words and by fit."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.drafts.advice import valid_advice
from ssd.drafts.compose import ASK_BELOW
from ssd.drafts.models import Alternative, Draft, SelectedTemplate, TemplateAdvice
from ssd.inputs.models import DatasetProfile
from ssd.plans.binding import Binding, bind
from ssd.plans.models import Candidate, Selection
from ssd.plans.unplaced import makes_method
from ssd.templates.library import Library
from ssd.templates.models import BindingProblem, Template

MOST_FAMILIES: Final = 3
MOST_CANDIDATES: Final = 12
EVIDENCE: Final = tuple(f"artifacts/do_template/selection/{name}.json" for name in ("stage1", "candidates", "stage2"))

_DESIGN_WEIGHT, _WORDS_WEIGHT, _FIT_WEIGHT = 0.55, 0.15, 0.3
_RELATED: Final[dict[str, dict[str, float]]] = {
    "correlation": {"descriptive": 0.35, "multivariate": 0.3},
    "test": {"descriptive": 0.5},
    "descriptive": {"test": 0.1},
    "panel": {"ols": 0.5},
    "iv": {"ols": 0.3},
    "did": {"panel": 0.4, "ols": 0.3},
    "discrete": {"ols": 0.4},
    "count": {"ols": 0.4},
    "ols": {"panel": 0.2},
    "rdd": {"ols": 0.4},
    "matching": {"ols": 0.4},
    "survival": {"discrete": 0.3, "ols": 0.2, "descriptive": 0.2},
    "timeseries": {"ols": 0.4, "descriptive": 0.2},
}
"""How well a template of another design serves instead."""
_RELATED_AT_MOST: Final = 0.6
"""A template that serves less than this is made for another design."""
_OTHER_METHOD: Final = 0.7
"""How well a template of the design serves that makes another method than the one named."""


class RankedFamily(msgspec.Struct, frozen=True):
    family_id: str
    confidence: float
    reason: str


class RankedTemplate(msgspec.Struct, frozen=True):
    template_id: str
    score: float
    words: float
    """BM25 of the requirement, as a share of the best."""
    design: float
    fit: float
    reason: str
    problems: list[BindingProblem]


class Choice(msgspec.Struct, frozen=True):
    """The outcome of both stages with everything that led to it."""

    families: list[RankedFamily]
    candidates: list[RankedTemplate]
    template_id: str
    reason: str
    confidence: float
    chosen_by: str
    """rule, llm or user"""
    advice: TemplateAdvice | None = None
    """What the model said, where it was asked about this very draft."""

    @property
    def requires_user_confirmation(self) -> bool:
        return self.chosen_by != "user" and self.confidence < ASK_BELOW

    def selection(self) -> Selection:
        """As plan.json records it."""
        return Selection(
            template_id=self.template_id,
            reason=self.reason,
            confidence=self.confidence,
            requires_user_confirmation=self.requires_user_confirmation,
            candidates=[Candidate(item.template_id, item.score, item.reason) for item in self.candidates],
            evidence=list(EVIDENCE),
        )

    def evidence(self, requirement: str, draft: Draft) -> dict[str, dict[str, Any]]:
        """Content of the evidence files by rel_path."""
        stage1 = {
            "requirement": requirement,
            "design": draft.design,
            "source": "rule",
            "families": self.families,
        }
        if self.advice is not None and self.advice.families:
            stage1["source"] = "llm"
        candidates = {"weights": {"design": _DESIGN_WEIGHT, "words": _WORDS_WEIGHT, "fit": _FIT_WEIGHT}}
        stage2 = {
            "template_id": self.template_id,
            "reason": self.reason,
            "confidence": self.confidence,
            "chosen_by": self.chosen_by,
            "requires_user_confirmation": self.requires_user_confirmation,
        }
        if self.advice is not None:
            stage2 |= {"advice": self.advice, "fallback_reason": self.advice.fallback_reason}
        contents = (stage1, {**candidates, "candidates": self.candidates}, stage2)
        return {path: msgspec.to_builtins(content) for path, content in zip(EVIDENCE, contents, strict=True)}


class Selector:
    """Selects from one library. Pure: the same draft, text and profile give the same choice."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def choose(
        self, draft: Draft, requirement: str, profile: DatasetProfile, wanted: str | None
    ) -> SelectedTemplate | None:
        """The choice as the draft shows it; None when the library is empty."""
        choice = self.select(draft, requirement, profile, wanted)
        if choice is None:
            return None
        language = draft.language
        template = self._library.get(choice.template_id)
        binding = bind(self._library, template, draft, profile)
        titles = {template.id: getattr(template.title, language) for template in self._library.templates}
        others = [item for item in choice.candidates if item.template_id != choice.template_id][:4]
        return SelectedTemplate(
            choice.template_id,
            titles[choice.template_id],
            choice.reason,
            choice.confidence,
            [Alternative(item.template_id, titles[item.template_id], item.reason, item.score) for item in others],
            serves_design=choice.chosen_by == "user" or design_fit(draft, template) >= _RELATED_AT_MOST,
            unplaced=binding.unplaced,
        )

    def select(self, draft: Draft, requirement: str, profile: DatasetProfile, wanted: str | None) -> Choice | None:
        """Both stages. `wanted` is a template a person chose: it wins, and the ranking is evidence all the same.

        Raises TEMPLATE_NOT_FOUND when `wanted` is not in the library.
        """
        if not self._library.templates:
            return None
        advice = valid_advice(draft, requirement) if wanted is None else None
        families = self.advised_families(advice) if advice is not None else []
        families = families or self.families(draft, requirement)
        candidates = self.candidates(draft, requirement, profile, {family.family_id for family in families})
        if wanted is not None:
            self._library.get(wanted)
            return Choice(families, candidates, wanted, "chosen by the user", 1.0, "user")
        if advice is not None and advice.template_id in {item.template_id for item in candidates}:
            return Choice(families, candidates, advice.template_id, advice.reason, advice.confidence, "llm", advice)
        best = candidates[0]
        confidence = _confidence(candidates, draft)
        return Choice(families, candidates, best.template_id, best.reason, confidence, "rule", advice)

    def advised_families(self, advice: TemplateAdvice) -> list[RankedFamily]:
        """The families the model chose, those the library still has templates for."""
        held = {template.family for template in self._library.templates}
        return [
            RankedFamily(item.family_id, item.confidence, item.reason)
            for item in advice.families
            if item.family_id in held
        ]

    def families(self, draft: Draft, requirement: str) -> list[RankedFamily]:
        """At most three: by the words of the requirement and by the design of the templates they hold."""
        words = _shares({family.id: score for family, score in self._library.search_families(requirement)})
        design: dict[str, float] = {}
        for template in self._library.templates:
            share = design_fit(draft, template)
            design[template.family] = max(design.get(template.family, 0.0), share)
        scored = sorted(
            ((0.3 * words.get(family, 0.0) + 0.7 * share, family) for family, share in design.items()),
            key=lambda pair: (-pair[0], pair[1]),
        )
        chosen = [(score, family) for score, family in scored if score > 0][:MOST_FAMILIES] or scored[:1]
        return [
            RankedFamily(
                family,
                round(min(1.0, score), 3),
                f"serves the design {draft.design} to {design[family]:.0%}; "
                f"its words match the requirement to {words.get(family, 0.0):.0%}",
            )
            for score, family in chosen
        ]

    def candidates(
        self, draft: Draft, requirement: str, profile: DatasetProfile, families: set[str]
    ) -> list[RankedTemplate]:
        """The templates of some families, ranked by design, words and fit to the data."""
        words = _shares({t.id: score for t, score in self._library.search(requirement, len(self._library.templates))})
        ranked = [
            self._rank(template, draft, profile, words.get(template.id, 0.0))
            for template in self._library.templates
            if template.family in families
        ]
        ranked.sort(key=lambda item: (-item.score, item.template_id))
        return ranked[:MOST_CANDIDATES]

    def _rank(self, template: Template, draft: Draft, profile: DatasetProfile, words: float) -> RankedTemplate:
        binding = bind(self._library, template, draft, profile)
        design = design_fit(draft, template)
        if template.design == draft.design and not makes_method(template, draft.method):
            design *= _OTHER_METHOD
        fit = _binding_fit(binding)
        score = _DESIGN_WEIGHT * design + _WORDS_WEIGHT * words + _FIT_WEIGHT * fit
        return RankedTemplate(
            template.id,
            round(max(0.0, score), 4),
            round(words, 4),
            design,
            round(fit, 4),
            _reason(template, draft, binding, design),
            binding.problems,
        )


def design_fit(draft: Draft, template: Template) -> float:
    """0 to 1: how well a template's design serves the draft's."""
    is_correlation = "correlation" in template.id
    roles = {parameter.role for parameter in template.parameters}
    if draft.design == "correlation":
        return 1.0 if is_correlation else _RELATED["correlation"].get(template.design, 0.0)
    if draft.design == "descriptive" and template.design == "descriptive":
        if is_correlation:
            return 0.3
        return 1.0 if ("group" in roles) == (draft.group_var is not None) else 0.6
    if draft.design == "test" and template.design == "descriptive":
        return 0.5 if "group" in roles else 0.1
    if template.design == draft.design:
        return 1.0
    return _RELATED.get(draft.design, {}).get(template.design, 0.0)


def _binding_fit(binding: Binding) -> float:
    """1 when everything known finds its place; less for each thing missing, wrong or without a place."""
    missing = sum(problem.code == "missing" for problem in binding.problems)
    wrong = len(binding.problems) - missing
    return max(-1.0, 1.0 - 0.3 * missing - 0.8 * wrong - 0.2 * len(binding.unused))


def _reason(template: Template, draft: Draft, binding: Binding, design: float) -> str:
    said = [f"made for {template.design}" if design == 1.0 else f"made for {template.design}, asked for {draft.design}"]
    said += [f"ranked down: {problem.message}" for problem in binding.problems]
    said += [f"ranked down: has no place for {field}" for field in binding.unused]
    if not binding.problems:
        said.append("the data meet all its needs")
    return "; ".join(said)


def _confidence(candidates: list[RankedTemplate], draft: Draft) -> float:
    """How well the first fits, how far it stands before the second, and how plainly its design was asked for."""
    best = candidates[0]
    lead = best.score - candidates[1].score if len(candidates) > 1 else best.score
    most = 0.97 if best.design > _OTHER_METHOD else ASK_BELOW - 0.05
    return round(max(0.05, min(most, (0.85 * best.score + 0.6 * min(lead, 0.25)) * draft.design_certainty)), 2)


def _shares(scores: dict[str, float]) -> dict[str, float]:
    best = max(scores.values(), default=0.0)
    return {key: score / best for key, score in scores.items()} if best > 0 else {}
