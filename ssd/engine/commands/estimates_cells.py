"""cells() of estout: which statistics stand in which cell, and their values in one model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import closing, skip_quoted, split_words, strip_quotes
from ssd.engine.missing import EXTENDED, MISSING
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session

Key = tuple[str, str]
"""Equation (`_` when there is none) and name of a coefficient."""

_COMPUTED: Final = frozenset(["b", "se", "var", "t", "z", "p", "ci", "ci_l", "ci_u", "_star", "_sign", "_sigsign"])
_FLAGS: Final = {"star": 1, "nostar": 3, "par": 3, "nopar": 5, "abs": 3, "noabs": 5, "transpose": 1}
_VALUED: Final = {
    "pvalue": 4, "fmt": 1, "label": 1, "vacant": 1, "par": 3, "keep": 1, "drop": 1, "pattern": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Element:
    """One statistic of a cell with its suboptions."""

    name: str
    row: str = ""
    """Row of e(name), by number or name."""
    star: bool = False
    pvalue: str = "p"
    formats: tuple[str, ...] = ()
    label: str = ""
    vacant: str = ""
    around: tuple[str, ...] = ()
    """What stands before and after the value; for ci also what stands between its ends."""
    keep: str = ""
    drop: str = ""
    pattern: tuple[str, ...] = ()
    absolute: bool = False
    transpose: bool = False

    def left_out(self, model: int) -> bool:
        """Whether pattern() leaves a model (0-based) out."""
        return model < len(self.pattern) and self.pattern[model] == "0"

    def format_of(self, row: int) -> str:
        return self.formats[min(row, len(self.formats) - 1)]


Cell = tuple[Element | None, ...]
"""What one cell combines; None for the empty element `.`."""


@dataclass(frozen=True)
class Array:
    """cells(): rows of cells."""

    rows: tuple[tuple[Cell, ...], ...]

    @property
    def parts(self) -> int:
        return max((len(row) for row in self.rows), default=0)

    def elements(self) -> Iterator[Element]:
        for row in self.rows:
            for cell in row:
                yield from (element for element in cell if element is not None)

    @property
    def starred(self) -> bool:
        return any(element.star or element.name in {"_star", "_sigsign"} for element in self.elements())


def parse_cells(text: str, level: float) -> Array:
    """cells(b(star) se(par)), cells("b se" p), cells(b & se), cells((b se) p). Raises r(198)."""
    text = text.strip() or "b"
    if text == "none":
        return Array(())
    rows: list[tuple[Cell, ...]] = []
    loose = ""
    index = 0
    while index < len(text):
        after = skip_quoted(text, index)
        if after > index or (text[index] == "(" and not re.search(r"[\w\]]\s*$", text[:index])):
            rows += [(cell,) for cell in _row(loose)]
            loose = ""
            end = after if after > index else closing(text, index) + 1
            inside = strip_quotes(text[index:end]) if after > index else text[index + 1 : end - 1]
            rows.append(tuple(_row(inside)))
            index = end
            continue
        end = closing(text, index) + 1 if text[index] == "(" else index + 1
        loose += text[index:end]
        index = end
    rows += [(cell,) for cell in _row(loose)]
    rows = [row for row in rows if row]
    first = next((element for row in rows for cell in row for element in cell if element is not None), None)
    fallback = (first.formats if first is not None else ()) or ("%9.0g",)
    return Array(tuple(tuple(tuple(_finished(e, fallback, level) for e in cell) for cell in row) for row in rows))


def _finished(element: Element | None, fallback: tuple[str, ...], level: float) -> Element | None:
    if element is None:
        return None
    named = {"ci": f"ci{level:g}", "ci_l": f"min{level:g}", "ci_u": f"max{level:g}"}
    around = element.around or (("", ",", "") if element.name == "ci" else ())
    if element.name == "ci" and len(around) == 2:
        around = (around[0], ",", around[1])
    return replace(
        element,
        formats=element.formats or fallback,
        label=element.label or named.get(element.name, element.name),
        around=around,
    )


def _row(text: str) -> list[Cell]:
    """Cells of one row; `&` joins elements."""
    cells: list[list[Element | None]] = []
    index, joined = 0, False
    while index < len(text):
        if text[index] in " \t":
            index += 1
            continue
        if text[index] == "&":
            joined = True
            index += 1
            continue
        element, index = _element(text, index)
        if joined and cells:
            cells[-1].append(element)
        else:
            cells.append([element])
        joined = False
    return [tuple(cell) for cell in cells]


def _element(text: str, index: int) -> tuple[Element | None, int]:
    found = re.compile(r"\.(?!\w)|\w+").match(text, index)
    if found is None:
        raise StataError(198, "option cells() incorrectly specified")
    index = found.end()
    if found[0] == ".":
        return None, index
    row = ""
    if text.startswith("[", index):
        end = closing(text, index)
        row, index = strip_quotes(text[index + 1 : end]), end + 1
    after = len(text) - len(text[index:].lstrip())
    options = ""
    if text.startswith("(", after):
        end = closing(text, after)
        options, index = text[after + 1 : end], end + 1
    return _with_options(found[0], row, read_options(options)), index


def _with_options(name: str, row: str, typed: list[TypedOption]) -> Element:
    values: dict[str, str] = {}
    for item in typed:
        table = _FLAGS if item.value is None else _VALUED
        full = next((key for key, least in table.items() if key.startswith(item.word) and len(item.word) >= least), "")
        if not full:
            raise StataError(198, f"option {item.named} not allowed")
        values[full] = "" if item.value is None else item.value
    around: tuple[str, ...] = ()
    if "par" in values:
        default = {"ci": "[ , ]", "ci_l": '[ ""', "ci_u": '"" ]'}.get(name, "( )")
        around = tuple(split_words(values["par"] or default))
    return Element(
        name,
        row,
        star="star" in values,
        pvalue=values.get("pvalue", "p"),
        formats=tuple(strip_quotes(values.get("fmt", "")).split()),
        label=strip_quotes(values.get("label", "")) or (f"{name}[{row}]" if row.isdigit() else row),
        vacant=strip_quotes(values.get("vacant", "")),
        around=around,
        keep=values.get("keep", ""),
        drop=values.get("drop", ""),
        pattern=tuple(values.get("pattern", "").split()),
        absolute="abs" in values,
        transpose="transpose" in values,
    )


# --- values ------------------------------------------------------------------------------------


@dataclass
class ModelValues:
    """Coefficients of one model in their order, and the value of each element at each of them."""

    name: str
    results: ResultSet
    keys: list[Key]
    values: dict[str, dict[Key, float]] = field(default_factory=dict)

    def value(self, element: str, key: Key) -> float | None:
        """None where the model has no such coefficient or no such statistic."""
        found = self.values.get(element, {}).get(key)
        return None if found is None or found >= EXTENDED[25] else found


def identity(element: Element) -> str:
    """Name under which an element's values are kept."""
    return f"{element.name}[{element.row}]" if element.row else element.name


def split_name(column: str) -> Key:
    """Equation and name of a column of e(b)."""
    equation, separator, name = column.rpartition(":")
    if not separator and name.startswith("/"):
        return "/", name[1:]
    return equation or "_", name


def clean_name(name: str, *, omitted: bool, base: bool) -> str | None:
    """The name as the table shows it, without marks of omission and of base levels; None for a row left out."""
    if "o." in name and re.search(r"(^|[\d.#bn]|c)o\.", name):
        if not omitted:
            return None
        name = re.sub(r"(^|(?<=#))o\.", "", name)
        name = re.sub(r"(?<=[\dbnc])o\.", ".", name)
    if re.search(r"\db\.", name):
        if not base:
            return None
        name = re.sub(r"(?<=\d)b\.", ".", name)
    return name


def model_values(
    name: str, results: ResultSet, elements: list[Element], level: float, *, omitted: bool, base: bool
) -> ModelValues:
    """Everything cells() asks of one model, on the union of the names of its vectors."""
    vectors: dict[str, dict[Key, float]] = {}
    computed = any(element.name in _COMPUTED for element in elements)
    if computed and "b" in results.matrices:
        vectors["b"] = _vector(results.matrices["b"], Element("b"))
    for element in elements:
        if element.name in results.matrices and identity(element) not in vectors:
            found = _vector(results.matrices[element.name], element)
            if found:
                vectors[identity(element)] = found
    keys = _union(vectors)
    owners: dict[str, Key] = {key[1]: key for key in reversed(keys)}
    for vector in vectors.values():
        # A vector without equations serves the equations of e(b) by name.
        if {key[0] for key in vector} == {"_"} and any(key[0] != "_" for key in keys):
            for key in list(vector):
                if owners.get(key[1], key) != key:
                    vector[owners[key[1]]] = vector.pop(key)
    variances = _variances(results, vectors) if computed else {}
    for element in elements:
        if element.name in _COMPUTED and identity(element) not in vectors:
            for part in ("ci_l", "ci_u") if element.name == "ci" else (element.name,):
                vectors.setdefault(part, _computed(part, results, vectors.get("b", {}), variances, level))
    shown: dict[Key, Key] = {}
    for key in keys:
        cleaned = clean_name(key[1], omitted=omitted, base=base)
        if cleaned is not None:
            shown[key] = (key[0], cleaned)
    values = {
        what: {shown[key]: value for key, value in vector.items() if key in shown} for what, vector in vectors.items()
    }
    return ModelValues(name, results, list(dict.fromkeys(shown.values())), values)


def _vector(matrix: Matrix, element: Element) -> dict[Key, float]:
    values, rows, cols = matrix.values, matrix.rows, matrix.cols
    if element.transpose:
        values, rows, cols = values.T, cols, rows
    position = 0
    if element.row:
        position = (
            int(element.row) - 1 if element.row.isdigit() else rows.index(element.row) if element.row in rows else -1
        )
    if not 0 <= position < values.shape[0]:
        return {}
    return {split_name(column): float(values[position, j]) for j, column in enumerate(cols)}


def _union(vectors: dict[str, dict[Key, float]]) -> list[Key]:
    plain = {key for vector in vectors.values() if any(k[0] != "_" for k in vector) for key in vector}
    keys: list[Key] = []
    for vector in vectors.values():
        merged = plain and {key[0] for key in vector} == {"_"}
        keys = join_keys(keys, [] if merged else list(vector))
    return keys


def join_keys(first: list[Key], second: list[Key]) -> list[Key]:
    """Rows of two models: new names go to the end of their equation, the constant stays last."""
    known = set(first)
    equations = list(dict.fromkeys(key[0] for key in [*first, *second]))
    joined: list[Key] = []
    for equation in equations:
        keys = [key for key in first if key[0] == equation]
        added = [key for key in second if key[0] == equation and key not in known]
        if added and keys:
            keys = [*[k for k in [*keys, *added] if k[1] != "_cons"], *[k for k in [*keys, *added] if k[1] == "_cons"]]
        else:
            keys += added
        joined += keys
    return joined


def _variances(results: ResultSet, vectors: dict[str, dict[Key, float]]) -> dict[Key, float]:
    V = results.matrices.get("V")
    if V is not None and V.values.shape[0] == V.values.shape[1]:
        return {split_name(column): float(V.values[j, j]) for j, column in enumerate(V.cols)}
    errors = vectors.get("se") or (_vector(results.matrices["se"], Element("se")) if "se" in results.matrices else {})
    return {key: value**2 if value < MISSING else value for key, value in errors.items()}


def _computed(
    what: str, results: ResultSet, b: dict[Key, float], variances: dict[Key, float], level: float
) -> dict[Key, float]:
    """A statistic that follows from e(b) and e(V)."""
    df = results.scalars.get("df_r", MISSING)
    t_df = df if df < MISSING else None
    found: dict[Key, float] = {}
    for key, value in b.items():
        if what in {"b", "_star", "_sign", "_sigsign"}:
            found[key] = value
            continue
        if value >= MISSING:
            found[key] = value
            continue
        if key not in variances:
            continue
        variance = variances[key]
        if what == "var" or variance >= MISSING:
            found[key] = variance
        elif variance <= 0.0:
            found[key] = value if what in {"ci_l", "ci_u"} else MISSING
        else:
            found[key] = _from_error(what, value, math.sqrt(variance), t_df, level)
    return found


def _from_error(what: str, b: float, se: float, df: float | None, level: float) -> float:
    if what == "se":
        return se
    if what in {"t", "z"}:
        return b / se
    if what == "p":
        return two_sided(b / se, df)
    half = critical(level, df) * se
    return b - half if what == "ci_l" else b + half


def transform(session: Session, model: ModelValues, rules: list[tuple[str, str, str]]) -> None:
    """eform and transform(): f(b) for estimates and interval ends, the delta method for standard errors.

    Rules are (coefficients, f(@), f'(@)); the first that matches a coefficient counts.
    """
    from ssd.engine.commands.estimates_select import matches_one

    plain = dict(model.values.get("b", {}))
    for what, vector in model.values.items():
        if what not in {"b", "ci_l", "ci_u", "se", "var"}:
            continue
        for key, value in vector.items():
            rule = next((rule for rule in rules if matches_one(rule[0], key)), None)
            if rule is None or value >= MISSING:
                continue
            if what in {"se", "var"}:
                slope = _evaluated(session, rule[2], plain.get(key, MISSING))
                vector[key] = MISSING if slope >= MISSING else value * (abs(slope) if what == "se" else slope**2)
            else:
                vector[key] = _evaluated(session, rule[1], value)


def _evaluated(session: Session, expression: str, at: float) -> float:
    if at >= MISSING:
        return at
    if expression == "exp(@)":
        return math.exp(at) if at < 700.0 else MISSING
    return session.evaluate_number(expression.replace("@", f"({at!r})"))


def parse_transform(text: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    """transform([coefs] f f' …, pattern()): rules and the models they apply to."""
    from ssd.engine.lang.quoting import split_comma

    main, options = split_comma(text)
    pattern: list[str] = []
    for item in read_options(options or ""):
        if not ("pattern".startswith(item.word) and len(item.word) >= 1 and item.value is not None):
            raise StataError(198, f"option {item.named} not allowed")
        pattern = item.value.split()
    words = split_words(main)
    rules = [(words[i], words[i + 1], words[i + 2]) for i in range(0, len(words) - 2, 3)]
    rest = words[len(rules) * 3 :]
    if len(rest) == 2:
        rules.append(("", rest[0], rest[1]))
    elif rest or not rules:
        raise invalid_syntax("option transform() incorrectly specified")
    return rules, pattern
