"""fre (SSC): one-way tables with values, labels, and valid and missing shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_labels import label_text
from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, type_mismatch
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import clip, display_width, left, right
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_COLUMN = 11
_WIDEST_LABEL = 50


@dataclass(frozen=True)
class _Level:
    value: str
    """The value in the display format of the variable; the text of a string."""
    label: str
    count: float
    missing: bool


@command(
    "fre",
    "[varlist] [if] [in] [fweight aweight iweight] [, Format(integer 2) noMISsing Tabulate(integer 20) ALL noLabel "
    "noValue noName noTItle AScending DEscending Order]",
    by="recall",
    stored="r(N) r(N_valid) r(N_missing) r(r) r(r_valid) r(r_missing) r(valid) r(missing) r(lab_valid) r(lab_missing) "
    "r(label) r(depvar)",
    refused="using and the options of exported tables, include(), rows(), width(), truncate, substitute()",
)
def fre(session: Session, line: Line) -> None:
    """One-way tables of frequencies with values and labels."""
    if line.flag("ascending") and line.flag("descending"):
        raise StataError(198, "ascending and descending not both allowed")
    if line.flag("novalue") and line.flag("nolabel"):
        raise StataError(198, "novalue and nolabel not both allowed")
    names = sorted(line.varlist) if line.flag("order") else line.varlist
    for name in names:
        _table(session, line, name)


def _levels(session: Session, line: Line, name: str) -> list[_Level]:
    data = session.data
    column = data.variables[name]
    rows = line.sample(session)
    weights = line.weights(session)
    if weights is not None:
        rows = rows & (weights < MISSING) & (weights != 0.0)
    w = np.ones(int(rows.sum())) if weights is None else weights[rows]
    if line.weight is not None and line.weight.kind == "aweight" and w.size:
        w = w * (w.size / w.sum())
    if column.is_string:
        if column.type == "strL":
            raise type_mismatch()
        texts, codes = np.unique(column.values[rows].astype(str), return_inverse=True)
        counts = np.bincount(codes, w, len(texts))
        found = [_Level(str(t), "", float(c), str(t) == "") for t, c in zip(texts, counts, strict=True)]
        return [each for each in found if not each.missing] + [each for each in found if each.missing]
    values, codes = np.unique(data.numeric(name)[rows], return_inverse=True)
    counts = np.bincount(codes, w, len(values))
    labels = {} if line.flag("nolabel") else data.labels_of(name)
    return [
        _Level(format_value(v, column.format).strip(), label_text(labels, v) or "", float(c), v >= MISSING)
        for v, c in zip(values.tolist(), counts, strict=True)
    ]


def _table(session: Session, line: Line, name: str) -> None:
    column = session.data.variables[name]
    levels = _levels(session, line, name)
    with_missing = not line.flag("nomissing")
    if not with_missing:
        levels = [each for each in levels if not each.missing]
    label = "" if line.flag("nolabel") else column.label
    valid = [each for each in levels if not each.missing]
    missing = [each for each in levels if each.missing]
    if line.flag("ascending"):
        valid.sort(key=lambda each: each.count)
    elif line.flag("descending"):
        valid.sort(key=lambda each: -each.count)
    results = ResultSet(macros={"depvar": name})
    if label:
        results.macros["label"] = label
    total, n_valid = sum(each.count for each in levels), sum(each.count for each in valid)
    results.scalars = {"N": total, "N_valid": n_valid, "N_missing": total - n_valid}
    if not levels:
        session.log.line("no observations")
        session.r = results
        return
    labelled = not column.is_string and bool(column.value_label) and not line.flag("nolabel")
    _print(session, line, name, label, valid, missing, labelled=labelled, stub=with_missing)
    results.scalars |= {"r": float(len(levels)), "r_valid": float(len(valid)), "r_missing": float(len(missing))}
    for key, part in (("valid", valid), ("missing", missing)):
        if part:
            results.matrices[key] = Matrix.of(np.array([[each.count] for each in part]))
            texts = [f"{each.value} {each.label}".strip() for each in part]
            results.macros[f"lab_{key}"] = " ".join(f'`"{text}"\'' for text in texts)
    session.r = results


def _print(
    session: Session,
    line: Line,
    name: str,
    label: str,
    valid: list[_Level],
    missing: list[_Level],
    *,
    labelled: bool,
    stub: bool,
) -> None:
    log = session.log
    digits = line.options.get("format")
    style = f"%11.{max(int(digits) if isinstance(digits, int) else 2, 0)}f"
    names = _shown(line, [*valid, *missing], labelled=labelled)
    width = max([5, *(min(display_width(text), _WIDEST_LABEL) for text in names)])
    side = 8 if stub else 1
    columns = 4 if stub else 3
    heads = ["Freq.", "Percent", "Valid", "Cum."] if stub else ["Freq.", "Percent", "Cum."]
    bar = "-" * (side + width + 1)
    log.line()
    if not line.flag("notitle"):
        shown = "" if line.flag("noname") and label else name
        log.line(" -- ".join(part for part in (shown, label) if part))
    log.line(bar + "-" + "-" * (columns * _COLUMN))
    log.line(" " * (side + width) + " |" + "".join(f"{head:>{_COLUMN}}" for head in heads))
    log.line(bar + "+" + "-" * (columns * _COLUMN))
    total = sum(each.count for each in [*valid, *missing])
    n_valid = sum(each.count for each in valid)

    def row(first: str, text: str, cells: list[str]) -> None:
        cells = cells + [""] * (columns - len(cells))
        body = "".join(right(cell, _COLUMN) for cell in cells)
        log.line(f"{first:<{side}}{left(clip(text, width), width)} |{body}")

    def share(count: float, base: float) -> str:
        return format_value(100.0 * count / base, style).strip()

    counts = np.cumsum([each.count for each in valid])
    skipped = _skipped(line, len(valid))
    for i, each in enumerate(valid):
        if i in skipped:
            if i == skipped.start:
                row("", ":", [":"] * columns)
            continue
        cells = [_count(each.count), share(each.count, total)]
        cells += [share(each.count, n_valid), share(counts[i], n_valid)] if stub else [share(counts[i], n_valid)]
        row("Valid" if stub and i == 0 else "", names[i], cells)
    if len(valid) > 1:
        cells = [_count(n_valid), share(n_valid, total)] + (["100." + "0" * _decimals(style)] if stub else [])
        row("", "Total", [cell.rstrip(".") for cell in cells])
    for i, each in enumerate(missing):
        row("Missing" if i == 0 else "", names[len(valid) + i], [_count(each.count), share(each.count, total)])
    if len(missing) > 1:
        row("", "Total", [_count(total - n_valid), share(total - n_valid, total)])
    if valid and missing:
        cells = [_count(total), share(total, total)]
        body = "".join(right(cell, _COLUMN) for cell in cells + [""] * (columns - 2))
        log.line(f"{'Total':<{side + width}} |{body}")
    log.line(bar + "-" + "-" * (columns * _COLUMN))


def _shown(line: Line, levels: list[_Level], *, labelled: bool) -> list[str]:
    """The row titles: values and labels in two columns, or the one that is wanted."""
    if not labelled:
        return [each.value for each in levels]
    if line.flag("novalue"):
        return [each.label or each.value for each in levels]
    widest = max(display_width(each.value) for each in levels)
    return [f"{left(each.value, widest)} {each.label}".rstrip() for each in levels]


def _skipped(line: Line, count: int) -> range:
    """Rows in the middle of a long table that are not shown."""
    typed = line.options.get("tabulate")
    shown = int(typed) if isinstance(typed, int) else 20
    if line.flag("all") or shown < 1 or count <= 2 * shown + 1:
        return range(0)
    return range(shown, count - shown)


def _decimals(style: str) -> int:
    return int(style.partition(".")[2].rstrip("f"))


def _count(value: float | FloatArray) -> str:
    return format_value(float(value), "%9.0g").strip()
