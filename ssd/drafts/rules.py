"""The rule planner: reads a requirement (English or Chinese) against the profile of the data."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ssd.drafts.design import (
    OutcomeKind,
    explicit_design,
    implied_design,
    outcome_kind,
    regression_for,
    without_negations,
)
from ssd.drafts.design_roles import for_design
from ssd.drafts.goals import suggested_goal
from ssd.drafts.language import Language, language_of
from ssd.drafts.mentions import Lexicon
from ssd.drafts.methods import CLASS_OUTCOMES
from ssd.drafts.roles import Found, RoleReader
from ssd.drafts.samples import Filter, read_sample
from ssd.inputs.models import DatasetProfile

LONGEST_TEXT: Final = 2000
"""Characters of a requirement that are read; longer ones are pasted documents, the question stands first."""

_FIELDS: Final = {
    "outcome": "outcome_var", "treatment": "treatment_var", "regressors": "treatment_var", "controls": "controls",
    "instruments": "instruments", "cluster": "cluster_var", "group": "group_var", "post": "post_var",
    "weights": "weights_var", "entity": "entity_var", "time": "time_var", "running": "running_var",
    "duration": "duration_var", "event": "event_var", "cohort": "cohort_var", "exposure": "exposure_var",
}  # fmt: skip
_NAMED, _IN_WORDS, _FROM_ROLES, _NOTHING_SAID = 1.0, 0.9, 0.65, 0.3
"""How certain a design is: a method is named, ordinary words ask for it, only variables are named, nothing is."""
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r"\s*\n\s*")


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner read out of a requirement."""

    language: Language
    design: str
    design_words: str | None
    certainty: float
    """0 to 1: how plainly the text asks for this design."""
    goal: str | None
    found: Found
    method: str | None = None
    """The method within the design (methods.py), when one is named."""
    filters: tuple[Filter, ...] = ()
    assumed: tuple[tuple[str, str, Any], ...] = ()
    """(column, word, value) where the coding of a column was taken for granted."""
    hints: tuple[str, ...] = ()
    unclear: dict[str, tuple[str, tuple[str, ...]]] = {}


def understand(requirement: str, profile: DatasetProfile) -> Understanding:
    """Read design, goal and roles. Pure: the same text and profile give the same answer."""
    language = language_of(requirement)
    text = without_negations(_LINES.sub("\n", _BLANKS.sub(" ", requirement[:LONGEST_TEXT])))
    lexicon = Lexicon(profile)
    mentions = lexicon.mentions(text)
    cue = explicit_design(text)
    sample = read_sample(text, mentions, profile, lexicon, did=cue is not None and cue.design in {"did", "rdd"})
    whole, text = text, sample.without(text)
    mentions = [m for m in mentions if all(m.end <= start or m.start >= end for start, end in sample.spans)]
    implied = implied_design(text)
    compares = cue.design == "test" if cue is not None else implied is not None and implied.design == "test"
    found = RoleReader(text, profile, lexicon, mentions).read(
        compares=compares, classes=cue is not None and cue.method in CLASS_OUTCOMES
    )
    if cue is not None and found.outcome is None:
        found = _bare_list(cue.design or "", found, profile)
    found = _with_leftover(found)
    hints: list[str] = [f"read “{words}” as {name}" for words, name in found.guessed_spelling]
    kind = outcome_kind(profile.column(found.outcome) if found.outcome else None, text)
    if cue is not None and cue.design is not None:
        design, words, clear = _possible(cue.design, found), cue.words, True
    elif found.instruments:
        design, words, clear = "iv", "instrument", True
    elif implied is not None:
        design, words, clear = (
            _from_words(implied.design, found, kind, profile),
            implied.words,
            implied.design is not None,
        )
    elif found.outcome and (found.treatment or found.controls):
        design, words, clear = _from_words(None, found, kind, profile), None, False
    else:
        design, words, clear = "descriptive", None, False
    certainty = _NAMED if cue is not None else _IN_WORDS if words else _FROM_ROLES if found.outcome else _NOTHING_SAID
    if words is None:
        hints.append("no word of the requirement names a method")
    method = cue.method if cue is not None and cue.design == design else None
    found = for_design(design, method, found, whole, profile)
    found = _one_part_each(found)
    filters = tuple(f for f in sample.filters if f.var not in (found.running, found.outcome, found.treatment))
    hints += [f"took {value} in {name} for “{word}”" for name, word, value in sample.assumed]
    goal = suggested_goal(text, design, design_is_clear=clear)
    return Understanding(
        language=language,
        design=design,
        design_words=words,
        certainty=certainty,
        goal=goal,
        found=found,
        method=method,
        filters=filters,
        assumed=sample.assumed,
        hints=tuple(hints),
        unclear=_unclear(found),
    )


def _from_words(name: str | None, found: Found, kind: OutcomeKind, profile: DatasetProfile) -> str:
    """The design where ordinary words, not a method's name, tell what is wanted."""
    if name == "descriptive":
        return "descriptive"
    if name == "test":
        if found.controls:
            return regression_for(kind)
        return "test" if found.group or not found.treatment else regression_for(kind)
    if name == "correlation":
        return "correlation" if not found.controls else regression_for(kind)
    if name == "association":
        wants_model = bool(found.controls or found.fixed_effects or found.cluster)
        return _from_words(None, found, kind, profile) if wants_model or kind in {"binary", "count"} else "correlation"
    if profile.panel_guesses and kind == "continuous" and _varies_within(found.treatment, profile):
        return "panel"
    return regression_for(kind)


def _possible(design: str, found: Found) -> str:
    """Fixed effects of a class (industry, say) in data without repeated units are indicators of a regression."""
    return "ols" if design == "panel" and found.fixed_effects and found.entity is None else design


def _varies_within(treatment: str | None, profile: DatasetProfile) -> bool:
    """Whether the treatment can change within units: one value per unit at most cannot."""
    column = profile.column(treatment) if treatment else None
    return column is None or column.inferred_type != "string"


def _bare_list(design: str, found: Found, profile: DatasetProfile) -> Found:
    """`logit inlf nwifeinc educ`: after a method's name the first column is the outcome, as in Stata."""
    if found.treatment is not None:
        return found
    placed = {found.group, found.post, found.cluster, found.weights, *found.fixed_effects, *found.instruments}
    names = [name for name in found.mentioned if name not in placed]
    if design == "did":
        names = [name for name in names if _is_measure(name, profile)]
        return msgspec.structs.replace(found, outcome=names[0]) if names else found
    if len(names) < 2:
        return found
    outcome, treatment, *rest = names
    return msgspec.structs.replace(found, outcome=outcome, treatment=treatment, controls=tuple(rest))


def _is_measure(name: str, profile: DatasetProfile) -> bool:
    column = profile.column(name)
    return column is not None and column.inferred_type in {"integer", "number"} and column.n_unique > 2


def _with_leftover(found: Found) -> Found:
    """The one column mentioned that has no part yet is what the outcome is asked about."""
    if found.outcome is None or found.treatment is not None or found.controls or found.group is not None:
        return found
    placed = {found.outcome, found.cluster, found.weights, *found.fixed_effects, *found.instruments}
    left = [name for name in found.mentioned if name not in placed]
    return msgspec.structs.replace(found, treatment=left[0]) if len(left) == 1 else found


def _one_part_each(found: Found) -> Found:
    """No column plays two of the main parts: outcome before treatment before instruments before controls."""
    treatment = found.treatment if found.treatment != found.outcome else None
    main = {found.outcome, treatment}
    instruments = tuple(name for name in found.instruments if name not in main)
    controls = tuple(name for name in found.controls if name not in main | set(instruments))
    return msgspec.structs.replace(found, treatment=treatment, instruments=instruments, controls=controls)


def _unclear(found: Found) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By draft field: words that could be several columns."""
    result: dict[str, tuple[str, tuple[str, ...]]] = {}
    for role, words, columns in found.unclear:
        if role in _FIELDS:
            result.setdefault(_FIELDS[role], (words, columns))
    return result
