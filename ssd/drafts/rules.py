"""The rule planner: reads a requirement (English or Chinese) against the profile of the data."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ssd.drafts.design import (
    OutcomeKind,
    explicit_design,
    implied_design,
    outcome_kind,
    regression_for,
    without_negations,
)
from ssd.drafts.goals import suggested_goal
from ssd.drafts.language import Language, language_of
from ssd.drafts.mentions import Lexicon
from ssd.drafts.roles import Found, RoleReader
from ssd.inputs.models import DatasetProfile

LONGEST_TEXT: Final = 2000
"""Characters of a requirement that are read; longer ones are pasted documents, the question stands first."""

_FIELDS: Final = {
    "outcome": "outcome_var", "treatment": "treatment_var", "regressors": "treatment_var", "controls": "controls",
    "instruments": "instruments", "cluster": "cluster_var", "group": "group_var", "post": "post_var",
    "weights": "weights_var", "entity": "entity_var", "time": "time_var",
}  # fmt: skip
_NAMED, _IN_WORDS, _FROM_ROLES, _NOTHING_SAID = 1.0, 0.9, 0.65, 0.3
"""How certain a design is: a method is named, ordinary words ask for it, only variables are named, nothing is."""
_AFTER_NAME: Final = re.compile(r"post|after|^y\d\d$|^d\d\d$|后$|后_?\d*$|时期", re.IGNORECASE)
_TREATED_NAME: Final = re.compile(r"treat|near|policy|处理|实验|试点", re.IGNORECASE)


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner read out of a requirement."""

    language: Language
    design: str
    design_words: str | None
    certainty: float
    """0 to 1: how plainly the text asks for this design."""
    goal: str | None
    found: Found
    hints: tuple[str, ...] = ()
    unclear: dict[str, tuple[str, tuple[str, ...]]] = {}


def understand(requirement: str, profile: DatasetProfile) -> Understanding:
    """Read design, goal and roles. Pure: the same text and profile give the same answer."""
    language = language_of(requirement)
    text = without_negations(requirement[:LONGEST_TEXT])
    lexicon = Lexicon(profile)
    mentions = lexicon.mentions(text)
    cue = explicit_design(text)
    implied = implied_design(text)
    compares = cue is None and implied is not None and implied.design == "test"
    found = RoleReader(text, profile, lexicon, mentions).read(compares=compares)
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
    found = _for_design(design, found, text, profile)
    goal = suggested_goal(text, design, design_is_clear=clear)
    return Understanding(
        language=language,
        design=design,
        design_words=words,
        certainty=certainty,
        goal=goal,
        found=found,
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


def _for_design(design: str, found: Found, text: str, profile: DatasetProfile) -> Found:
    """The roles as the design uses them."""
    if design in {"descriptive", "correlation"}:
        return _for_description(design, found, profile)
    if design == "test":
        return msgspec.structs.replace(found, treatment=None, controls=(), variables=())
    if design == "did":
        return _for_did(found, profile)
    found = msgspec.structs.replace(found, variables=(), post=None)
    if found.treatment is None and found.group not in (None, found.outcome):
        found = msgspec.structs.replace(found, treatment=found.group)
    found = msgspec.structs.replace(found, group=None)
    if design == "panel" and not found.fixed_effects and found.entity:
        found = msgspec.structs.replace(found, fixed_effects=(found.entity, *([found.time] if found.time else [])))
    controls = tuple(n for n in found.controls if n not in (found.treatment, found.outcome, *found.instruments))
    return msgspec.structs.replace(found, controls=controls)


def _for_description(design: str, found: Found, profile: DatasetProfile) -> Found:
    group = found.group if design == "descriptive" else None
    numeric = {c.stata_name for c in profile.columns if c.inferred_type in {"integer", "number", "boolean"}}
    listed = found.mentioned if design == "correlation" or not found.variables else found.variables
    names = [name for name in listed if name != group and (design == "descriptive" or name in numeric)]
    return msgspec.structs.replace(
        found, outcome=None, treatment=None, controls=(), group=group, post=None, variables=tuple(names)
    )


def _for_did(found: Found, profile: DatasetProfile) -> Found:
    """Group and period of a difference-in-differences, from words or from the names of 0/1 columns."""
    binary = [c.stata_name for c in profile.columns if c.n_unique == 2 and c.inferred_type != "string"]
    used = {found.outcome, *found.controls}
    pair = [name for term in found.interactions for name in term.split("#")]
    named = [n for n in (*pair, *found.mentioned) if n in binary and n not in used]
    post = found.post if found.post in binary else next((n for n in named if _AFTER_NAME.search(n)), None)
    if post is None:
        post = next((n for n in binary if _AFTER_NAME.search(n) and n not in used), None)
    group = found.group if found.group and found.group != post else None
    if group is None and found.treatment in binary and found.treatment != post:
        group = found.treatment
    if group is None:
        group = next((n for n in named if n != post), None)
    if group is None:
        group = next((n for n in binary if _TREATED_NAME.search(n) and n not in used and n != post), None)
    controls = tuple(n for n in found.controls if n not in (group, post, found.outcome))
    return msgspec.structs.replace(
        found, group=group, post=post, treatment=None, controls=controls, variables=(), interactions=()
    )


def _unclear(found: Found) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By draft field: words that could be several columns."""
    result: dict[str, tuple[str, tuple[str, ...]]] = {}
    for role, words, columns in found.unclear:
        if role in _FIELDS:
            result.setdefault(_FIELDS[role], (words, columns))
    return result
