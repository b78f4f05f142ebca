"""merge: join two datasets on key variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from ssd.engine.commands.data_files import load_dta
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.columns import empty_column, joined_types, key_codes, report_label_clashes
from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.order import IndexArray, code_order
from ssd.engine.data.storage import narrow, stored_missing, widen
from ssd.engine.errors import StataError, invalid_syntax, type_mismatch
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.session import Session

_LABELS = {1: "Master only (1)", 2: "Using only (2)", 3: "Matched (3)", 4: "Missing updated (4)",
           5: "Nonmissing conflict (5)"}  # fmt: skip
_WORDS = {
    "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "master": 1, "masters": 1, "using": 2, "match": 3, "matched": 3,
    "matches": 3, "match_update": 4, "match_updates": 4, "match_conflict": 5, "match_conflicts": 5,
}  # fmt: skip


@dataclass
class Pairing:
    """Row pairs of the merged data: -1 where one side has no row. Sorted by key, masters before using-only."""

    master: IndexArray
    using: IndexArray


@command(
    "merge",
    "anything using/ [, KEEPUSing(string) GENerate(name) noGENerate noLabel noNOTEs REPLACE UPDATE noREPort FORCE "
    "ASSERT(string) KEEP(string) SORTED]",
    minimum=3,
    refused="merge without a type (old syntax); m:m of unequal groups follows Stata's rule",
)
def merge(session: Session, line: Line) -> None:
    """Merge datasets."""
    found = re.match(r"(1|m)\s*:\s*(1|m)\s+(.+)", line.anything, re.DOTALL)
    if not found:
        raise invalid_syntax()
    kind = f"{found[1]}:{found[2]}"
    master = session.data
    using = load_dta(session, strip_quotes(line.using or ""))
    result_name = None if line.flag("nogenerate") else line.text_option("generate") or "_merge"
    if result_name is not None and result_name in master.variables:
        raise StataError(110, f"variable {result_name} already defined")
    update = line.flag("update")
    if line.flag("replace") and not update:
        raise StataError(198, "option replace may be specified only with option update")
    if found[3].strip() == "_n" and kind == "1:1":
        keys: list[str] = []
        pairing = _by_position(master.n_obs, using.n_obs)
    else:
        keys = session.expand_varlist(found[3])
        pairing = _paired(master, using, keys, kind)
    names = _wanted(using, line.text_option("keepusing"), keys)
    codes = _codes(pairing)
    merged = _merged(session, master, using, keys, names, pairing, line, codes)
    _finish(session, line, merged, codes, result_name)


def _by_position(n_master: int, n_using: int) -> Pairing:
    rows = np.arange(max(n_master, n_using), dtype=np.intp)
    return Pairing(np.where(rows < n_master, rows, -1), np.where(rows < n_using, rows, -1))


def _wanted(using: Dataset, text: str | None, keys: list[str]) -> list[str]:
    from ssd.engine.data.names import match_variables

    names = list(using.variables)
    if text:
        names = [name for word in text.split() for name in match_variables(using.variables, word)]
    return [name for name in dict.fromkeys(names) if name not in keys]


def _paired(master: Dataset, using: Dataset, keys: list[str], kind: str) -> Pairing:
    for name in keys:
        if name not in using.variables:
            raise StataError(111, f"variable {name} not found\n    (variable is not in the using data)") from None
        if master.variables[name].is_string != using.variables[name].is_string:
            raise StataError(
                106,
                f"key variable {name} is {_family(master, name)} in master but {_family(using, name)} in using data",
            )
    left, right, n_keys = key_codes(master, using, keys)
    if kind[0] == "1":
        _require_unique(left, n_keys, keys, "master")
    if kind[2] == "1":
        _require_unique(right, n_keys, keys, "using")
    if kind == "m:m":
        return _many_to_many(left, right, n_keys)
    if kind[2] == "1":
        where = np.full(n_keys, -1, dtype=np.intp)
        where[right] = np.arange(right.size)
        partner = where[left]
        rows, mates = np.arange(left.size, dtype=np.intp), partner
    else:
        where = np.full(n_keys, -1, dtype=np.intp)
        where[left] = np.arange(left.size)
        owner = where[right]
        matched = owner >= 0
        alone = np.ones(left.size, dtype=np.bool_)
        alone[owner[matched]] = False
        rows = np.concatenate([owner[matched], np.flatnonzero(alone)])
        mates = np.concatenate([np.flatnonzero(matched), np.full(int(alone.sum()), -1, dtype=np.intp)])
        order = np.argsort(rows, kind="stable")
        rows, mates = rows[order], mates[order]
    order = code_order(left[rows], n_keys)
    rows, mates = rows[order], mates[order]
    used = np.zeros(right.size, dtype=np.bool_)
    used[mates[mates >= 0]] = True
    rest = np.flatnonzero(~used)
    rest = rest[np.argsort(right[rest], kind="stable")]
    return Pairing(np.concatenate([rows, np.full(rest.size, -1, dtype=np.intp)]), np.concatenate([mates, rest]))


def _family(data: Dataset, name: str) -> str:
    return data.variables[name].type


def _require_unique(codes: IndexArray, n_keys: int, keys: list[str], side: str) -> None:
    if codes.size and np.bincount(codes, minlength=n_keys).max() > 1:
        plural = "variables" if len(keys) > 1 else "variable"
        verb = "do" if len(keys) > 1 else "does"
        raise StataError(459, f"{plural} {' '.join(keys)} {verb} not uniquely identify observations in the {side} data")


def _many_to_many(left: IndexArray, right: IndexArray, n_keys: int) -> Pairing:
    """Within a key rows are matched in order; the last row of the shorter side repeats."""
    order_left, order_right = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
    n_left, n_right = np.bincount(left, minlength=n_keys), np.bincount(right, minlength=n_keys)
    start_left, start_right = np.cumsum(n_left) - n_left, np.cumsum(n_right) - n_right
    size = np.maximum(n_left, n_right)
    key = np.repeat(np.arange(n_keys), size)
    step = np.arange(key.size) - np.repeat(np.cumsum(size) - size, size)

    def rows(order: IndexArray, start: IndexArray, count: IndexArray) -> IndexArray:
        at = np.minimum(step, count[key] - 1)
        return np.where(count[key] > 0, order[np.where(count[key] > 0, start[key] + at, 0)] if order.size else -1, -1)

    a, b = rows(order_left, start_left, n_left), rows(order_right, start_right, n_right)
    alone = a < 0
    return Pairing(np.concatenate([a[~alone], a[alone]]), np.concatenate([b[~alone], b[alone]]))


def _codes(pairing: Pairing) -> IndexArray:
    return np.where(pairing.using < 0, 1, np.where(pairing.master < 0, 2, 3)).astype(np.intp)


def _merged(
    session: Session, master: Dataset, using: Dataset, keys: list[str], names: list[str], pairing: Pairing,
    line: Line, codes: IndexArray,
) -> Dataset:  # fmt: skip
    """The merged data; sets codes 4 and 5 when updating."""
    out = Dataset(
        n_obs=pairing.master.size, label=master.label, chars=dict(master.chars), filename=master.filename,
        value_labels={name: dict(labels) for name, labels in master.value_labels.items()}, changed=True,
    )  # fmt: skip
    from_using = pairing.master < 0
    has_using = pairing.using >= 0
    for name, column in master.variables.items():
        new = gathered(column, pairing.master)
        other = using.variables.get(name) if name in keys or name in names else None
        if other is not None:
            if other.is_string != column.is_string:
                if not line.flag("force"):
                    raise type_mismatch()
                out.variables[name] = new
                continue
            kind = joined_types(column, other)
            if kind != column.type and not column.is_string:
                session.log.line(
                    f"(note: variable {name} was {column.type}, now {kind} to accommodate using data's values)"
                )
            new = retyped(new, kind)
            fill(new, other, pairing.using, from_using)
            if line.flag("update") and name not in keys:
                _update(new, other, pairing, codes, replace=line.flag("replace"))
        out.variables[name] = new
    for name in names:
        if name in master.variables:
            continue
        source = using.variables[name]
        new = gathered(source, np.where(has_using, pairing.using, -1))
        if line.flag("nolabel"):
            new.value_label = ""
        out.variables[name] = new
    if not line.flag("nolabel"):
        report_label_clashes(session.log, out, using)
    if not line.flag("nonotes"):
        for key, text in using.chars.items():
            if key.startswith("note") and key not in out.chars:
                out.chars[key] = text
    if not from_using.any() and keys:
        out.sorted_by = list(keys)
    return out


def gathered(column: Variable, rows: IndexArray) -> Variable:
    """The column at `rows`, missing where a row is -1."""
    if rows.size == 0 or rows.min() >= 0:
        return replace(column, values=column.values.take(rows, mode="clip"), chars=dict(column.chars))
    new = empty_column(column, rows.size)
    present = rows >= 0
    new.values[present] = column.values[rows[present]]
    return new


def retyped(column: Variable, kind: str) -> Variable:
    if column.type != kind and not column.is_string:
        column.values = narrow(widen(column.values, column.type), kind)
    column.type = kind
    return column


def fill(
    column: Variable, other: Variable, rows: IndexArray, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> None:
    if not where.any():
        return
    picked = other.values[rows[where]]
    if column.is_string:
        column.values[where] = picked
    else:
        column.values[where] = narrow(widen(picked, other.type), column.type)


def _update(column: Variable, other: Variable, pairing: Pairing, codes: IndexArray, *, replace: bool) -> None:
    """Master missing takes the using value (4); with replace so do conflicts (5)."""
    both = np.flatnonzero((pairing.master >= 0) & (pairing.using >= 0))
    theirs = other.values[pairing.using[both]]
    if column.is_string:
        new, mine = theirs, column.values[both]
        mine_missing, theirs_missing = mine == "", new == ""
    else:
        new = narrow(widen(theirs, other.type), column.type)
        mine = column.values[both]
        mine_missing, theirs_missing = stored_missing(mine, column.type), stored_missing(new, column.type)
    updated = mine_missing & ~theirs_missing
    conflict = ~mine_missing & ~theirs_missing & (mine != new)
    chosen = updated | conflict if replace else updated
    column.values[both[chosen]] = new[chosen]
    codes[both[updated & (codes[both] != 5)]] = 4
    codes[both[conflict]] = 5


def _statuses(text: str) -> set[int]:
    found = set()
    for word in text.split():
        if word not in _WORDS:
            raise StataError(198, f"{word} invalid merge result")
        found.add(_WORDS[word])
    return found


def _finish(session: Session, line: Line, merged: Dataset, codes: IndexArray, result_name: str | None) -> None:
    asserted = line.text_option("assert")
    failed = bool(asserted) and not set(np.unique(codes).tolist()) <= _statuses(asserted or "")
    if failed:
        session.data = merged
        merged.add("_merge" if result_name is None else result_name, codes.astype(np.float64), "byte")
        raise StataError(9, "after merge, not all observations " + _assert_words(asserted or ""))
    kept = line.text_option("keep")
    if kept:
        mask = np.isin(codes, list(_statuses(kept)))
        merged.keep_observations(mask)
        codes = codes[mask]
    session.data = merged
    session.e.sample = None
    if result_name is not None:
        label = "_merge"
        merged.value_labels[label] = dict(_LABELS)
        merged.add(result_name, codes.astype(np.float64), "byte", value_label=label, format="%23.0g",
                   label="Matching result from merge")  # fmt: skip
    if not line.flag("noreport"):
        _report(session, codes, result_name, update=line.flag("update"))


def _assert_words(text: str) -> str:
    return f"from {' or '.join(text.split())}\n(merged result left in memory)"


def _report(session: Session, codes: IndexArray, result_name: str | None, *, update: bool) -> None:
    number = {code: int(np.count_nonzero(codes == code)) for code in range(1, 6)}
    unmatched = number[1] + number[2]
    log = session.log

    def row(text: str, count: int, note: str = "") -> None:
        log.line(f"    {text:<23}{count:>18,}{'  ' + note if note and result_name else ''}")

    def notes(code: int) -> str:
        return f"({result_name}=={code})"

    log.line()
    log.line(f"    {'Result':<23}{'Number of obs':>18}")
    log.line("    " + "-" * 41)
    row("Not matched", unmatched)
    if unmatched:
        row("    from master", number[1], notes(1))
        row("    from using", number[2], notes(2))
    if update:
        log.line()
        row("Matched", number[3] + number[4] + number[5])
        row("    not updated", number[3], notes(3))
        row("    missing updated", number[4], notes(4))
        row("    nonmissing conflict", number[5], notes(5))
    else:
        if unmatched:
            log.line()
        row("Matched", number[3], notes(3))
    log.line("    " + "-" * 41)
