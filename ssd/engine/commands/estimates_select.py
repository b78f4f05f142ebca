"""Rows of an estout table: keep(), drop(), order(), rename(), indicate(), equations()."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ssd.engine.commands.estimates_cells import Key, ModelValues
from ssd.engine.errors import StataError
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))


def _parts(word: str) -> tuple[str, str]:
    """Equation and coefficient of `eq:`, `eq:name`, `:name` or `name`; empty for any."""
    equation, separator, name = word.partition(":")
    return (equation.strip(), name.strip()) if separator else ("", word)


def matches_one(word: str, key: Key) -> bool:
    """Whether a coefficient is meant by `word`; an empty word means every one."""
    equation, name = _parts(word.strip())
    return (not equation or _pattern(equation).fullmatch(key[0]) is not None) and (
        not name or _pattern(name).fullmatch(key[1]) is not None
    )


def read_list(text: str) -> tuple[list[str], bool]:
    """Words of a list of coefficients, and whether `, relax` allows names that no model has."""
    main, options = split_comma(text)
    relaxed = False
    for item in read_options(options or ""):
        if not ("relax".startswith(item.word) and item.value is None):
            raise StataError(198, f"option {item.named} not allowed")
        relaxed = True
    return split_words(main), relaxed


def selected(text: str, keys: list[Key], *, quiet: bool = False) -> set[Key]:
    """Rows a list means. Raises r(111) for a name no row has, unless relaxed."""
    words, relaxed = read_list(text)
    found: set[Key] = set()
    for word in words:
        hits = {key for key in keys if matches_one(word, key)}
        if not hits and not relaxed and not quiet:
            equation, _ = _parts(word)
            if equation and not any(_pattern(equation).fullmatch(key[0]) for key in keys):
                raise StataError(111, f"equation {equation} not found")
            raise StataError(111, f"coefficient {word} not found")
        found |= hits
    return found


def kept(keys: list[Key], keep: str, drop: str, *, quiet: bool = False) -> list[Key]:
    """Rows after keep() and drop()."""
    if keep.strip():
        wanted = selected(keep, keys, quiet=quiet)
        keys = [key for key in keys if key in wanted]
    if drop.strip():
        unwanted = selected(drop, keys, quiet=quiet)
        keys = [key for key in keys if key not in unwanted]
    return keys


def ordered(keys: list[Key], text: str) -> list[Key]:
    """Rows named first, within each equation; a name no model has becomes an empty row."""
    words, _ = read_list(text)
    equations = list(dict.fromkeys(key[0] for key in keys)) or ["_"]
    keys = list(keys)
    for word in words:
        equation, name = _parts(word)
        if name and not any(matches_one(word, key) for key in keys):
            keys.append((equation or equations[0], name))
    result: list[Key] = []

    def take(word: str, within: str | None) -> None:
        for key in keys:
            if key not in result and (within is None or key[0] == within) and matches_one(word, key):
                result.append(key)

    batch: list[str] = []
    for word in [*words, ":"]:
        if ":" not in word:
            batch.append(word)
            continue
        if batch:
            for equation in equations:
                for one in batch:
                    take(one, equation)
                take("", equation)
            batch = []
        if word != ":":
            take(word, None)
    take("", None)
    return result


def renamed(model: ModelValues, text: str) -> None:
    """rename(old new …): the names of one model. Raises r(110) where the new name is taken."""
    words = split_words(text.replace(",", " "))
    if len(words) % 2:
        raise StataError(198, "option rename() incorrectly specified")
    moves: dict[Key, Key] = {}
    for old, new in zip(words[::2], words[1::2], strict=True):
        if ":" in new or not new:
            raise StataError(198, "invalid rename()")
        for key in model.keys:
            if matches_one(old, key):
                target = (key[0], new)
                if target in model.keys and target not in moves:
                    raise StataError(110, f"{new} already exists in equation; cannot rename")
                moves[key] = target
    _move(model, moves)


def _move(model: ModelValues, moves: dict[Key, Key]) -> None:
    model.keys = list(dict.fromkeys(moves.get(key, key) for key in model.keys))
    model.values = {
        what: {moves.get(key, key): value for key, value in vector.items()} for what, vector in model.values.items()
    }


def matched_equations(models: list[ModelValues], text: str | None) -> None:
    """equations(name=#:#…): equations that stand for the same thing get one name.

    Without the option, when the first equation of the first model is missing from another model, the first
    equations of all models are taken for the same and called main.
    """
    if text is None:
        text = "main=1" if _first_equation_missing(models) else ""
    for position, term in enumerate(text.split(","), start=1):
        if not term.strip():
            continue
        name, separator, numbers = term.rpartition("=")
        picks = (numbers if separator else term).replace(":", " ").replace("#", " ").split()
        if len(picks) not in {1, len(models)}:
            raise StataError(
                198,
                f"option equations() invalid\na term should consist of either 1 or {len(models)} equation numbers",
            )
        for index, model in enumerate(models):
            pick = picks[0] if len(picks) == 1 else picks[index]
            equations = list(dict.fromkeys(key[0] for key in model.keys))
            if pick == "." or not equations:
                continue
            if not pick.isdigit() or not 1 <= int(pick) <= len(equations):
                raise StataError(
                    198,
                    f"option equations() invalid\nequation number {pick} for model {index + 1} out of range",
                )
            old, new = equations[int(pick) - 1], name.strip() or f"#{position}"
            _move(model, {key: (new, key[1]) for key in model.keys if key[0] == old})


def _first_equation_missing(models: list[ModelValues]) -> bool:
    filled = [model for model in models if model.keys]
    if len({key[0] for model in filled for key in model.keys}) < 2:
        return False
    first = filled[0].keys[0][0]
    return any(all(key[0] != first for key in model.keys) for model in filled[1:])


@dataclass(frozen=True)
class Indicator:
    """A row that says which models hold a set of coefficients."""

    name: str
    keys: frozenset[Key]
    yes: str
    no: str

    def text(self, model: ModelValues, equation: str | None) -> str:
        inside = any(key in self.keys and (equation is None or key[0] == equation) for key in model.keys)
        return self.yes if inside else self.no


def indicators(text: str, keys: list[Key]) -> list[Indicator]:
    """indicate("Name = coefficients" …, labels(yes no)). Raises r(111) for coefficients no model has."""
    main, options = split_comma(text)
    marks = ["Yes", "No"]
    for item in read_options(options or ""):
        if item.value is None or not "labels".startswith(item.word):
            raise StataError(198, f"option {item.named} not allowed")
        marks = split_words(item.value)
    quoted = split_words(main, keep_quotes=True)
    groups = [strip_quotes(word) for word in quoted]
    if any(word == "=" or ("=" in word and strip_quotes(word) == word) for word in quoted):
        groups = [main]
    found = []
    rest = list(keys)
    for group in groups:
        name, separator, what = group.partition("=")
        if not separator:
            name, what = group.split()[0] if group.split() else "", group
        mine = selected(what.strip(), rest)
        found.append(Indicator(name.strip(), frozenset(mine), marks[0], marks[1] if len(marks) > 1 else ""))
        rest = [key for key in rest if key not in mine]
    return found
