"""The table of estout, from a request to its lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ssd.engine.commands.estimates_body import written
from ssd.engine.commands.estimates_cells import (
    Array,
    Element,
    Key,
    ModelValues,
    join_keys,
    model_values,
    parse_cells,
    parse_transform,
    transform,
)
from ssd.engine.commands.estimates_foot import Statistics, parse_statistics
from ssd.engine.commands.estimates_labels import (
    StarLevels,
    literal,
    parse_stars,
)
from ssd.engine.commands.estimates_select import (
    Indicator,
    indicators,
    kept,
    matched_equations,
    ordered,
    renamed,
)
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.output.estout_layout import (
    Column,
    Layout,
)
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class Request:
    """What is asked of estout: options with their text, and those without."""

    options: Mapping[str, str]
    flags: frozenset[str]
    level: float = 95.0

    def text(self, name: str) -> str | None:
        return self.options.get(name)

    def has(self, name: str) -> bool:
        return name in self.flags


@dataclass
class Table:
    """Models, rows and columns of one table."""

    session: Session
    request: Request
    array: Array
    stars: StarLevels
    statistics: Statistics
    models: list[ModelValues]
    keys: list[Key] = field(default_factory=list)
    indicators: list[Indicator] = field(default_factory=list)
    layout: Layout = field(default_factory=lambda: Layout([]))
    dropped: dict[Element, set[Key]] = field(default_factory=dict)
    unstarred: set[Key] = field(default_factory=set)

    @property
    def unstacked(self) -> bool:
        return self.request.has("unstack") and bool(self.keys)

    @property
    def equations(self) -> list[str]:
        """Names of the equations in the order of the rows."""
        if self.unstacked:
            return list(dict.fromkeys(key[0] for key in self.keys))
        runs = [key[0] for i, key in enumerate(self.keys) if i == 0 or self.keys[i - 1][0] != key[0]]
        return runs or ["_"]


def table_lines(session: Session, request: Request, models: list[tuple[str, ResultSet]]) -> list[str]:
    """The lines of the table. Raises r(111) for coefficients, r(198) for options."""
    array = parse_cells(request.text("cells") or "", request.level)
    elements = list(array.elements())
    needed = elements + [Element(name) for name in dict.fromkeys(e.pvalue for e in elements if _marks(e))]
    values = [
        model_values(
            name,
            results,
            needed,
            request.level,
            omitted=not request.has("noomitted"),
            base=not request.has("nobaselevels"),
        )
        for name, results in models
    ]
    first = next(iter(elements), None)
    default = first.formats[0] if first is not None else "%9.0g"
    table = Table(
        session,
        request,
        array,
        parse_stars(request.text("starlevels")),
        parse_statistics(request.text("stats"), default),
        values,
    )
    _transformed(table)
    _rows(table)
    _columns(table)
    return _substituted(request, written(table))


def _marks(element: Element) -> bool:
    return element.star or element.name in {"_star", "_sigsign"}


def _transformed(table: Table) -> None:
    request = table.request
    text = request.text("transform")
    if text:
        rules, pattern = parse_transform(text)
    elif request.has("eform") or request.text("eform"):
        rules, pattern = [("", "exp(@)", "exp(@)")], (request.text("eform") or "").split()
    else:
        return
    for position, model in enumerate(table.models):
        if not pattern or (position < len(pattern) and pattern[position] == "1"):
            transform(table.session, model, rules)


def _rows(table: Table) -> None:
    request = table.request
    for model in table.models:
        renamed(model, request.text("rename") or "")
    equations = request.text("equations")
    if equations is not None or not request.has("unstack"):
        matched_equations(table.models, equations)
    keys: list[Key] = []
    for model in table.models:
        keys = join_keys(keys, model.keys)
    if request.text("order"):
        keys = ordered(keys, request.text("order") or "")
    if request.text("indicate"):
        table.indicators = indicators(request.text("indicate") or "", keys)
        hidden = {key for indicator in table.indicators for key in indicator.keys}
        keys = [key for key in keys if key not in hidden]
    table.keys = kept(keys, request.text("keep") or "", request.text("drop") or "")
    for element in table.array.elements():
        table.dropped[element] = set(table.keys) - set(kept(table.keys, element.keep, element.drop))
    starred = kept(table.keys, request.text("starkeep") or "", request.text("stardrop") or "")
    table.unstarred = set(table.keys) - set(starred)


# --- columns -----------------------------------------------------------------------------------


def _columns(table: Table) -> None:
    request = table.request
    columns: list[Column] = []
    equations = table.equations if table.unstacked else ["_"]
    for m, model in enumerate(table.models):
        for e, equation in enumerate(equations):
            if table.unstacked and not any(key in model.keys for key in table.keys if key[0] == equation):
                continue
            columns += _columns_of(table, m, e, equation) or [Column(m, e, 0, 0 in table.statistics.star_parts)]
    begin = literal(request.text("begin") or "")
    stub = int(request.text("varwidth") or 0)
    marked = table.array.starred or bool(table.statistics.starred)
    widths = tuple(int(word) for word in (request.text("modelwidth") or "0").split()) or (0,)
    table.layout = Layout(
        columns,
        begin,
        literal(request.text("delimiter") or ""),
        literal(request.text("end") or ""),
        stub,
        widths,
        table.stars.width if marked and any(widths) else 0,
        request.has("stardetach"),
        request.has("abbrev"),
        request.text("hlinechar") or "-",
        {
            "title": strip_quotes(request.text("title") or ""),
            "note": strip_quotes(request.text("note") or ""),
            "starlegend": table.stars.legend if marked else "",
            "discrete": "",
        },
        len(table.models),
    )


def _columns_of(table: Table, m: int, e: int, equation: str) -> list[Column]:
    columns: list[Column] = []
    starred_parts = table.statistics.star_parts
    for part in range(table.array.parts):
        star, empty, asked = False, True, False
        for row in table.array.rows:
            for element in row[part] if part < len(row) else ():
                if element is None:
                    continue
                asked = True
                if table.unstacked and all(key in table.dropped[element] for key in table.keys if key[0] == equation):
                    continue
                if element.left_out(m):
                    continue
                empty = False
                star = star or element.star
        if not (asked and empty):
            columns.append(Column(m, e, part, star or len(columns) in starred_parts))
    return columns


def _substituted(request: Request, lines: list[str]) -> list[str]:
    """substitute(from to …) on every line."""
    words = split_words(request.text("substitute") or "")
    for old, new in zip(words[::2], words[1::2], strict=False):
        if old:
            lines = [line.replace(old, new) for line in lines]
    return [part for line in lines for part in re.split(r"\n", line)]
