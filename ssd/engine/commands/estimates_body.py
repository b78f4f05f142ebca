"""The lines of estout's table: head, coefficients, references, indicators and statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ssd.engine.commands.estimates_cells import Element, Key, ModelValues, identity
from ssd.engine.commands.estimates_foot import formatted, statistic_of, vacant
from ssd.engine.commands.estimates_labels import lines_of, lookup, parse_labels, term_label, variable_label
from ssd.engine.commands.estimates_select import matches_one
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.output.estout_layout import (
    Border,
    Column,
    LabelStyle,
    equation_row,
    framed,
    heading,
    markdown_rule,
)
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.commands.estimates_table import Table


def written(table: Table) -> list[str]:
    """The lines of a table whose rows and columns are settled."""
    request, layout = table.request, table.layout
    lines = [layout.fill(text) for text in lines_of(request.text("prehead"))]
    rules = request.has("rules")
    if rules:
        lines.append("-" * layout.total)
    head = _head(table)
    lines += head
    if rules and head:
        lines.append("-" * layout.total)
    lines += [layout.fill(text) for text in lines_of(request.text("posthead"))]
    if request.has("markdown"):
        lines.append(markdown_rule(layout))
    body = _body(table)
    lines += body
    lines += [layout.fill(text) for text in lines_of(request.text("prefoot"))]
    if rules and body and table.statistics.rows:
        lines.append("-" * layout.total)
    lines += _foot(table)
    if rules:
        lines.append("-" * layout.total)
    lines += [layout.fill(text) for text in lines_of(request.text("postfoot"))]
    if request.has("legend") and layout.words["starlegend"]:
        lines.append(layout.words["starlegend"])
    return lines


def _head(table: Table) -> list[str]:
    request, layout = table.request, table.layout
    lines: list[str] = []

    def border() -> Border:
        return "" if lines else "top"

    groups = parse_labels(request.text("mgroups"))
    if groups.texts and not groups.none:
        group = 0
        numbers = []
        for index in range(len(table.models)):
            pattern = groups.pattern[index] if index < len(groups.pattern) else ""
            group += index == 0 or pattern == "1"
            numbers.append(group - 1)
        lines += heading(
            layout, groups, groups.texts, lambda c: numbers[c.model],
            lambda left, right: numbers[left.model] == numbers[right.model], border(),
        )  # fmt: skip
    labels = parse_labels(request.text("mlabels"))
    typed = request.text("numbers")
    if request.has("numbers") or typed:
        around = [*split_words(typed if typed else "( )"), "", ""]
        style = LabelStyle(prefix=around[0], suffix=around[1], span=labels.span)
        texts = [str(i + 1) for i in range(len(table.models))]
        lines += heading(layout, style, texts, lambda c: c.model, _same_model, border())
    if not labels.none and not (len(table.models) == 1 and _titles(table, labels) == ["."]):
        lines += heading(layout, labels, _titles(table, labels), lambda c: c.model, _same_model, border())
    equations = parse_labels(request.text("eqlabels"))
    if table.unstacked and table.equations != ["_"] and not equations.none:
        texts = _equation_labels(table, equations)
        style = replace(equations, begin=(), end=()) if not equations.replace else equations
        lines += heading(layout, style, texts, lambda c: c.equation, _same_place, border())
    columns = parse_labels(request.text("collabels"))
    if not columns.none and table.array.parts:
        parts = columns.texts or _part_labels(table)
        lines += heading(layout, columns, parts, lambda c: c.part, lambda left, right: False, border())
    return lines


def _same_place(left: Column, right: Column) -> bool:
    """Whether two columns belong to the same equation of the same model."""
    return (left.model, left.equation) == (right.model, right.equation)


def _same_model(left: Column, right: Column) -> bool:
    return left.model == right.model


def _part_labels(table: Table) -> tuple[str, ...]:
    labels = []
    for part in range(table.array.parts):
        names = [
            element.label
            for row in table.array.rows
            for element in (row[part] if part < len(row) else ())
            if element is not None
        ]
        labels.append("/".join(names))
    return tuple(labels)


def _titles(table: Table, labels: LabelStyle) -> list[str]:
    titles = list(labels.texts[: len(table.models)])
    for model in table.models[len(titles) :]:
        macros = model.results.macros
        if labels.depvars:
            name = (macros.get("depvar", "").split() or [""])[0]
            titles.append(variable_label(table.session, name) if table.request.has("label") and name else name)
        elif labels.titles or table.request.has("label"):
            titles.append(macros.get("estimates_title") or model.name)
        else:
            titles.append(model.name)
    if labels.numbers:
        titles = [f"({i + 1}) {title}".rstrip() for i, title in enumerate(titles)]
    return titles


def _equation_labels(table: Table, style: LabelStyle) -> list[str]:
    texts = list(style.texts)
    for equation in table.equations[len(texts) :]:
        known = table.session.data.variables.get(equation) if table.request.has("label") else None
        texts.append(known.label if known is not None and known.label else equation)
    return texts


def _body(table: Table) -> list[str]:
    request, layout = table.request, table.layout
    style = parse_labels(request.text("varlabels"))
    equations = parse_labels(request.text("eqlabels"))
    equation_texts = _equation_labels(table, equations)
    references = _references(table)
    rows = _row_keys(table)
    lines: list[str] = []
    shown_equation: str | None = None
    merged, number = "", -1
    in_equation = 0
    for position, key in enumerate(rows):
        border: Border = "" if lines else "top"
        last_row = position + 1 == len(rows) and not table.indicators
        if not table.unstacked and table.equations != ["_"] and key[0] != shown_equation:
            shown_equation = key[0]
            number += 1
            in_equation = 0
            if not equations.none and equations.merge:
                text = equation_texts[number] if number < len(equation_texts) else ""
                merged = equations.prefix + text + equations.suffix
            elif not equations.none:
                lines += equation_row(
                    layout, equations, equation_texts[number] if number < len(equation_texts) else "", border,
                    first=equations.first or number > 0, last=equations.last or number + 1 < len(table.equations),
                )  # fmt: skip
                border = ""
        in_equation += 1
        ends_equation = position + 1 == len(rows) or (not table.unstacked and rows[position + 1][0] != key[0])
        closes = ends_equation and not (table.indicators and position + 1 == len(rows))
        reference = references.rows.get(key[1]) if references else None
        opening = style.first or in_equation > 1
        if references and reference is not None and not references.below:
            lines += _reference(table, style, reference, references, key, border)
            border = ""
        lines += _coefficient(
            table, style, key, merged, border, first=opening, last=style.last or not closes, bottom=last_row
        )
        if references and reference is not None and references.below:
            lines += _reference(table, style, reference, references, key, "bottom" if last_row else "")
    for position, indicator in enumerate(table.indicators):
        final = position + 1 == len(table.indicators)
        texts = []
        for column in layout.columns:
            equation = table.equations[column.equation] if table.unstacked else None
            texts.append(indicator.text(table.models[column.model], equation))
        lines += _text_row(
            table, style, indicator.name, texts, "bottom" if final else "" if lines else "top",
            last=style.last or not final,
        )  # fmt: skip
    return lines


def _row_keys(table: Table) -> list[Key]:
    """The rows; with unstack one for each name, the constant last unless order() says otherwise."""
    if not table.array.rows:
        return []
    if not table.unstacked:
        return table.keys
    names = list(dict.fromkeys(key[1] for key in table.keys))
    typed = [word.rpartition(":")[2] for word in split_words(table.request.text("order") or "")]
    first = [name for word in typed for name in names if matches_one(word, ("", name))]
    names = list(dict.fromkeys([*first, *names]))
    if "_cons" in names and "_cons" not in typed:
        names = [name for name in names if name != "_cons"] + ["_cons"]
    return [("", name) for name in names]


def _key_at(table: Table, key: Key, column: Column) -> Key:
    return (table.equations[column.equation], key[1]) if table.unstacked else key


def _coefficient(
    table: Table, style: LabelStyle, key: Key, merged: str, border: Border, *, first: bool, last: bool, bottom: bool
) -> list[str]:
    request, layout = table.request, table.layout
    label = ""
    before = after = None
    if not style.none:
        label = key[1]
        if request.has("label"):
            label = term_label(table.session, key[1], strip_quotes(request.text("interaction") or " # "))
        label = lookup(style.texts, key[0], key[1], unstacked=table.unstacked) or label
        before = lookup(style.before, key[0], key[1], unstacked=table.unstacked)
        after = lookup(style.after, key[0], key[1], unstacked=table.unstacked)
    rows = _visible_rows(table, key)
    number = table.keys.index(key) if key in table.keys else 0
    lines: list[str] = []
    for position, row in enumerate(rows):
        stub = layout.stub_text(merged + label, style) if position == 0 else " " * layout.stub
        body = stub + "".join(
            layout.number(index, *_cell(table, row, index, _key_at(table, key, column), number))
            for index, column in enumerate(layout.columns)
        )
        edge: Border = "bottom" if bottom and position + 1 == len(rows) else border if position == 0 else ""
        opens, closes = position == 0, position + 1 == len(rows)
        part = replace(
            style,
            begin=_joined((before,) if before else (), style.begin if first else ()) if opens else (),
            end=_joined(style.end if last else (), (after,) if after else ()) if closes else (),
        )
        lines += framed(layout, part, body, edge)
    return lines


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Lines after lines, the last of the first and the first of the second on one line."""
    return (*first[:-1], first[-1] + second[0], *second[1:]) if first and second else first + second


def _visible_rows(table: Table, key: Key) -> list[tuple[tuple[Element | None, ...], ...]]:
    """Rows of cells() for a coefficient, without those that are dropped or left out everywhere."""
    rows: list[tuple[tuple[Element | None, ...], ...]] = []
    for position, row in enumerate(table.array.rows):
        asked = shown = False
        for column in table.layout.columns:
            at = _key_at(table, key, column)
            for element in row[column.part] if column.part < len(row) else ():
                if element is None or at not in table.keys:
                    continue
                asked = True
                shown = shown or not (element.left_out(column.model) or at in table.dropped[element])
        last_resort = position + 1 == len(table.array.rows) and not rows
        if shown or not asked or last_resort:
            rows.append(row)
    return rows


def _cell(
    table: Table, row: tuple[tuple[Element | None, ...], ...], index: int, key: Key, number: int
) -> tuple[str, str]:
    """Text of a cell and the stars after it."""
    column = table.layout.columns[index]
    model = table.models[column.model]
    elements = row[column.part] if column.part < len(row) else ()
    separator = strip_quotes(table.request.text("incelldelimiter") or '" "')
    text, marks = "", ""
    for position, element in enumerate(elements):
        final = position + 1 == len(elements)
        hidden = element is None or element.left_out(column.model)
        dropped = element is not None and key in table.dropped[element]
        mark = ""
        if element is not None and not hidden and not dropped:
            text += _value(table, model, element, key, number, table.layout.width_of(index))
            if element.star and key not in table.unstarred:
                mark = table.stars.mark(model.value(element.pvalue, key))
        if final or table.layout.detached:
            marks += mark
        else:
            text += mark
        if not final and not dropped:
            text += separator
    return text, marks


def _value(table: Table, model: ModelValues, element: Element, key: Key, number: int, width: int) -> str:
    around = [*(text.replace("@modelwidth", str(width)) for text in element.around), "", "", ""]
    if element.name == "ci":
        low, high = model.value("ci_l", key), model.value("ci_u", key)
        if low is None or high is None:
            return element.vacant
        fmt = element.format_of(number)
        return around[0] + _number(table, low, fmt) + around[1] + _number(table, high, fmt) + around[2]
    value = model.value(identity(element), key)
    if value is None:
        return element.vacant
    if element.name == "_star":
        return around[0] + table.stars.mark(model.value(element.pvalue, key)) + around[1]
    if element.name in {"_sign", "_sigsign"}:
        times = table.stars.count(model.value(element.pvalue, key)) if element.name == "_sigsign" else 1
        sign = table.request.text("msign") or "-"
        return around[0] + (sign if value < 0 else "0" if value == 0 else "+") * times + around[1]
    if element.absolute and element.name in {"t", "z"}:
        value = abs(value)
    return around[0] + _number(table, value, element.format_of(number)) + around[1]


def _number(table: Table, value: float, fmt: str) -> str:
    request = table.request
    return formatted(
        value,
        fmt,
        leading_zero=not request.has("nolz"),
        decimal=request.text("dmarker") or "",
        minus=request.text("msign") or "",
    )


@dataclass(frozen=True)
class _References:
    rows: dict[str, str]
    text: str
    below: bool


def _references(table: Table) -> _References | None:
    """refcat(name "heading" …, label() nolabel below)."""
    typed = table.request.text("refcat")
    if not typed:
        return None
    main, options = split_comma(typed)
    text, below = "ref.", False
    for item in read_options(options or ""):
        if item.value is None and "nolabel".startswith(item.word):
            text = ""
        elif item.value is None and "below".startswith(item.word):
            below = True
        elif item.value is not None and "label".startswith(item.word):
            text = strip_quotes(item.value)
    words = split_words(main)
    return _References(dict(zip(words[::2], words[1::2], strict=False)), text, below)


def _reference(
    table: Table, style: LabelStyle, name: str, references: _References, key: Key, border: Border
) -> list[str]:
    texts = []
    for column in table.layout.columns:
        inside = _key_at(table, key, column) in table.models[column.model].keys
        texts.append(references.text if inside else "")
    return _text_row(table, style, name, texts, border)


def _text_row(
    table: Table, style: LabelStyle, name: str, texts: list[str], border: Border, *, last: bool = True
) -> list[str]:
    """A row with one text for each model and equation."""
    layout = table.layout
    body = layout.stub_text("" if style.none else name, style)
    for index, column in enumerate(layout.columns):
        repeated = index > 0 and _same_place(layout.columns[index - 1], column)
        text = "" if repeated else layout.abbreviation(texts[index], layout.width_of(index))
        body += layout.cell(index, text)
    return framed(layout, style, body, border, last=last)


def _foot(table: Table) -> list[str]:
    layout, statistics = table.layout, table.statistics
    lines: list[str] = []
    for position, row in enumerate(statistics.rows):
        final = position + 1 == len(statistics.rows)
        body = layout.stub_text(statistics.label(position), statistics.labels)
        for index, column in enumerate(layout.columns):
            body += _statistic(table, row, index, column)
        border: Border = "bottom" if final else "top" if position == 0 else ""
        style = statistics.labels
        lines += framed(layout, style, body, border, first=style.first or position > 0, last=style.last or not final)
    return lines


def _statistic(
    table: Table, row: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...], index: int, column: Column
) -> str:
    layout, statistics = table.layout, table.statistics
    model = table.models[column.model].results
    position = sum(other.model == column.model for other in layout.columns[:index])
    inside = sum(_same_place(other, column) for other in layout.columns[:index])
    text, stars = _statistic_text(table, row, position, model, None)
    if not text and table.unstacked:
        text, stars = _statistic_text(table, row, inside, model, column.equation)
    if not column.star:
        return layout.cell(index, text)
    if stars and statistics.starred:
        return layout.number(index, text, stars)
    return layout.cell(index, text)


def _statistic_text(
    table: Table,
    row: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...],
    position: int,
    model: ResultSet,
    equation: int | None,
) -> tuple[str, str]:
    if position >= len(row):
        return "", ""
    text, names, formats = row[position]
    found = False
    for name, fmt in zip(names, formats, strict=True):
        value = statistic_of(model, name, equation)
        if value is None or vacant(value) or value == "":
            continue
        found = True
        shown = value if isinstance(value, str) else _number(table, value, fmt)
        text = text.replace(table.statistics.mark, shown, 1)
    if not found:
        return "", ""
    p = statistic_of(model, "p", equation)
    marked = bool(table.statistics.starred & set(names)) and isinstance(p, float)
    return text, table.stars.mark(p) if marked and isinstance(p, float) else ""
