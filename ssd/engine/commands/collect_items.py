"""Collections: values with tags, laid out in rows and columns by their tags ([TABLES] collect)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ssd.engine.commands.estimates_cells import clean_name, split_name
from ssd.engine.commands.estimates_labels import term_label
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.quoting import closing, split_terms
from ssd.engine.missing import MISSING
from ssd.engine.output.documents import DocumentTable
from ssd.engine.output.formats import format_value

if TYPE_CHECKING:
    from ssd.engine.session import Session

Tags = dict[str, str]

RESULT_LABELS: Final = {
    "_r_b": "Coefficient", "_r_se": "Std. error", "_r_z": "z", "_r_t": "t", "_r_p": "p-value",
    "_r_lb": "95% lower bound", "_r_ub": "95% upper bound", "_r_ci": "95% CI", "_r_df": "df",
    "N": "Number of observations", "mean": "Mean", "sd": "Standard deviation", "Var": "Variance", "min": "Minimum",
    "max": "Maximum", "sum": "Sum", "r2": "R-squared", "r2_a": "Adjusted R-squared", "F": "F statistic",
    "p": "p-value", "rmse": "RMSE", "ll": "Log likelihood", "p50": "Median",
}  # fmt: skip
_TABLE_ROWS: Final = {"b": "_r_b", "se": "_r_se", "z": "_r_z", "t": "_r_z", "pvalue": "_r_p", "ll": "_r_lb",
                      "ul": "_r_ub", "df": "_r_df"}  # fmt: skip


@dataclass
class Collection:
    """Values with their tags, and how they are to be shown."""

    items: list[tuple[Tags, float | str]] = field(default_factory=list)
    commands: int = 0
    level_labels: dict[tuple[str, str], str] = field(default_factory=dict)
    formats: list[tuple[dict[str, set[str]], str, str]] = field(default_factory=list)
    """Conditions on the tags, nformat and sformat; the last that fits counts."""
    layout: tuple[str, ...] = ()
    title: str = ""
    notes: list[str] = field(default_factory=list)
    stars: list[tuple[float, str]] = field(default_factory=list)
    base_levels: bool = False
    automatic: list[str] = field(default_factory=list)
    """Results a layout shows, in this order, where it names none; all when empty."""
    fixed: DocumentTable | None = None
    """A table that another command (table, etable) left as the contents."""

    def levels(self, dimension: str) -> list[str]:
        return list(dict.fromkeys(tags[dimension] for tags, _ in self.items if dimension in tags))

    def dimensions(self) -> list[str]:
        return list(dict.fromkeys(name for tags, _ in self.items for name in tags))


def collect_results(session: Session, collection: Collection, tags: Tags, wanted: set[str]) -> int:
    """Tag what the last command left: coefficients by r(table), scalars of e() or r(). Returns how many."""
    collection.commands += 1
    base: Tags = {"cmdset": str(collection.commands), **tags}
    before = len(collection.items)
    table = session.r.matrices.get("table")
    if table is not None:
        for j, column in enumerate(table.cols):
            equation, term = split_name(column)
            name = clean_name(term, omitted=True, base=True)
            if name is None:
                continue
            coefficient: Tags = {**base, "colname": name, "coleq": equation}
            if re.search(r"\db\.", term):
                coefficient["base"] = "1"
            for i, row in enumerate(table.rows):
                result = _TABLE_ROWS.get(row)
                if result is not None and (not wanted or result in wanted):
                    collection.items.append(({**coefficient, "result": result}, float(table.values[i, j])))
            if not wanted or "_r_ci" in wanted:
                ends = [float(table.values[table.rows.index(row), j]) for row in ("ll", "ul")]
                if max(ends) < MISSING:
                    collection.items.append(({**coefficient, "result": "_r_ci"}, f"{ends[0]!r} {ends[1]!r}"))
        scalars = session.e.scalars
    else:
        scalars = session.r.scalars
    for name, value in scalars.items():
        if not wanted or name in wanted:
            collection.items.append(({**base, "result": name}, value))
    return len(collection.items) - before


# --- layout ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Header:
    """One row or column of the table: the tags it stands for."""

    tags: tuple[tuple[str, str], ...]


def _terms(text: str) -> list[list[tuple[str, list[str]]]]:
    """Terms of a layout specification: each a product of dimensions with the levels asked for."""
    found = []
    for word in split_terms(text.strip()):
        factors = []
        rest = word
        while rest:
            match = re.match(r"#?([\w.]+)", rest)
            if match is None:
                raise invalid_syntax()
            end, levels = match.end(), []
            if rest[end : end + 1] == "[":
                close = closing(rest, end)
                levels, end = rest[end + 1 : close].split(), close + 1
            factors.append((match[1], levels))
            rest = rest[end:]
        found.append(factors)
    return found


def headers(collection: Collection, text: str) -> list[Header]:
    """Rows or columns of a specification, those without any value left out. Raises r(111) for a dimension."""
    known = set(collection.dimensions())
    found: list[Header] = []
    for factors in _terms(text):
        names = [name for name, _ in factors]
        for name in names:
            if name not in known:
                raise StataError(111, f"dimension {name} not found")
        present = {tuple(tags[name] for name in names) for tags, _ in collection.items if set(names) <= set(tags)}
        combos: list[tuple[str, ...]] = [()]
        for name, levels in factors:
            combos = [(*combo, level) for combo in combos for level in (levels or _ordered(collection, name))]
        found += [Header(tuple(zip(names, combo, strict=True))) for combo in combos if combo in present]
    return found


def _ordered(collection: Collection, dimension: str) -> list[str]:
    levels = collection.levels(dimension)
    if dimension == "result" and collection.automatic:
        return [level for level in collection.automatic if level in levels]
    if dimension == "colname" and "_cons" in levels:
        levels = [level for level in levels if level != "_cons"] + ["_cons"]
    return levels


def laid_out(session: Session, collection: Collection) -> DocumentTable:
    """The table of the layout. Raises r(111) where there is nothing to show."""
    if collection.fixed is not None and not collection.layout:
        return collection.fixed
    if not collection.layout:
        raise StataError(198, "layout not specified; use collect layout")
    rows = headers(collection, collection.layout[0])
    columns = headers(collection, collection.layout[1]) if len(collection.layout) > 1 else []
    if not rows:
        rows = [Header(())]
    if not columns:
        columns = [Header(())]
    depth = max([1, *(len(column.tags) for column in columns)])
    table: list[list[str]] = []
    for position in range(depth):
        cells = []
        for index, column in enumerate(columns):
            known = position < len(column.tags)
            same = index > 0 and columns[index - 1].tags[: position + 1] == column.tags[: position + 1]
            hidden = not known or (same and position + 1 < depth)
            cells.append("" if hidden else _label(session, collection, *column.tags[position]))
        table.append(["", *cells])
    previous: tuple[tuple[str, str], ...] = ()
    factor = ""
    for row in rows:
        texts = [_cell(collection, row, column) for column in columns]
        if not any(texts) and not collection.base_levels:
            continue
        for position, (dimension, level) in enumerate(row.tags[:-1]):
            if previous[: position + 1] != row.tags[: position + 1]:
                table.append(["  " * position + _label(session, collection, dimension, level), *[""] * len(columns)])
        stub, indent = "", "  " * max(0, len(row.tags) - 1)
        if row.tags:
            dimension, level = row.tags[-1]
            found = re.fullmatch(r"(\d+)\.(\w+)", level)
            if dimension == "colname" and found and found[2] in session.data.variables:
                if factor != found[2]:
                    heading = session.data.variables[found[2]].label or found[2]
                    table.append([indent + heading, *[""] * len(columns)])
                factor = found[2]
                indent += "  "
            else:
                factor = ""
            stub = _label(session, collection, dimension, level)
        previous = row.tags
        table.append([indent + stub, *texts])
    return DocumentTable(table, depth, [], collection.title, list(collection.notes))


def _label(session: Session, collection: Collection, dimension: str, level: str) -> str:
    typed = collection.level_labels.get((dimension, level))
    if typed is not None:
        return typed
    if dimension == "result":
        return RESULT_LABELS.get(level, level)
    if dimension == "colname":
        found = re.fullmatch(r"(\d+)\.(\w+)", level)
        if level == "_cons":
            return "Intercept"
        if found and found[2] in session.data.variables:
            return session.data.labels_of(found[2]).get(int(found[1]), found[1])
        return term_label(session, level, " # ")
    variable = session.data.variables.get(dimension)
    if variable is not None and level.isdigit():
        return session.data.labels_of(dimension).get(int(level), level)
    return level


def _cell(collection: Collection, row: Header, column: Header) -> str:
    """The text of the value whose tags are those of the row and the column; the last such value counts."""
    wanted = dict(row.tags) | dict(column.tags)
    if any(dict(column.tags).get(name, level) != level for name, level in row.tags):
        return ""
    fits = [
        (tags, value)
        for tags, value in collection.items
        if all(tags.get(name) == level for name, level in wanted.items())
        and not ("colname" in tags and "colname" not in wanted)
    ]
    if not fits or ("result" not in wanted and len({tags["result"] for tags, _ in fits}) > 1):
        return ""
    tags, value = fits[-1]
    if tags.get("base") == "1" and not collection.base_levels:
        return ""
    text = _formatted(collection, tags, value)
    return text + _mark(collection, tags) if text else ""


def _formatted(collection: Collection, tags: Tags, value: float | str) -> str:
    fmt, pattern = "%9.0g", "%s"
    if tags.get("result") == "_r_p":
        fmt = "%5.3f"
    for conditions, nformat, sformat in collection.formats:
        if all(tags.get(name) in levels if levels else name in tags for name, levels in conditions.items()):
            fmt, pattern = nformat or fmt, sformat or pattern
    if isinstance(value, str):
        if tags.get("result") == "_r_ci":
            ends = [format_value(float(word), fmt).strip() for word in value.split()]
            return (pattern if pattern != "%s" else "[%s]").replace("%s", " ".join(ends))
        return pattern.replace("%s", value)
    if value >= MISSING:
        return ""
    return pattern.replace("%s", format_value(value, fmt).strip())


def _mark(collection: Collection, tags: Tags) -> str:
    if not collection.stars or tags.get("result") != "_r_b":
        return ""
    same = {name: level for name, level in tags.items() if name != "result"}
    p = next((v for t, v in collection.items if t == {**same, "result": "_r_p"}), None)
    if not isinstance(p, float) or p >= MISSING:
        return ""
    reached = [mark for level, mark in sorted(collection.stars, reverse=True) if p < level]
    return reached[-1] if reached else ""
