"""What survival commands share: the records of an analysis and the groups of by()."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, Weight
from ssd.engine.commands.estimation import key_values, not_missing
from ssd.engine.data.survival import Records, SurvivalSettings, at_risk_rows, require_survival, subject_numbers
from ssd.engine.errors import no_observations
from ssd.engine.missing import BoolArray, is_missing
from ssd.engine.output.survival import remind
from ssd.engine.output.tables import number

if TYPE_CHECKING:
    from ssd.engine.session import Session

IndexArray = NDArray[np.intp]


def settings_weight(settings: SurvivalSettings) -> Weight | None:
    """The weights of stset."""
    if not settings.weight_kind:
        return None
    return Weight(settings.weight_kind, settings.weight)  # type: ignore[arg-type]


def take_records(session: Session, mask: BoolArray, settings: SurvivalSettings) -> Records:
    """Records of the observations in `mask`, at least one. Raises r(2000)."""
    data = session.data
    rows = at_risk_rows(data, mask)
    weight = settings_weight(settings)
    weights = None if weight is None else session.evaluate_weights(weight)
    if weights is not None:
        rows &= ~is_missing(weights) & (weights != 0.0)
    if not rows.any():
        raise no_observations()
    w = np.ones(int(rows.sum())) if weights is None else weights[rows]
    d = (data.numeric("_d")[rows] == 1.0).astype(np.float64)
    return Records(rows, data.numeric("_t0")[rows], data.numeric("_t")[rows], d, w,
                   subject_numbers(data, settings, rows))  # fmt: skip


def open_analysis(session: Session, line: Line, names: list[str] | None = None) -> tuple[SurvivalSettings, Records]:
    """The settings, their reminder in the log, and the records of `if`, `in` and complete `names`.

    Raises r(119) when the data are not survival-time data and r(2000) when nothing is left.
    """
    settings = require_survival(session.data)
    mask = line.sample(session)
    for name in names or []:
        mask &= not_missing(session, name)
    records = take_records(session, mask, settings)
    remind(session.log, settings, hidden=line.flag("noshow") if "noshow" in line.options else False)
    return settings, records


def option_names(line: Line, option: str) -> list[str]:
    """The variables of a varlist option; none when it was not typed."""
    value = line.options.get(option)
    return [str(name) for name in value] if isinstance(value, list) else []


@dataclass(frozen=True)
class Grouping:
    """Groups formed by the distinct values of some variables, in sorted order."""

    names: list[str]
    ids: IndexArray
    """Group of each record."""
    labels: list[str]
    """Per group as rows show it: value labels where there are any, else the values."""
    titles: list[str]
    """Per group as headings show it: `drug=0`, or the value label."""
    values: list[tuple[float | str, ...]]

    @property
    def count(self) -> int:
        return len(self.labels)


def group_records(session: Session, records: Records, names: list[str]) -> Grouping:
    """The groups of by(); a single one without variables."""
    if not names:
        return Grouping([], np.zeros(records.n, dtype=np.intp), [""], [""], [()])
    data = session.data
    columns = [key_values(session, name)[records.rows] for name in names]
    codes = [np.unique(column, return_inverse=True) for column in columns]
    pairs = np.column_stack([inverse.reshape(-1) for _, inverse in codes])
    distinct, ids = np.unique(pairs, axis=0, return_inverse=True)
    labels, titles, values = [], [], []
    for row in distinct:
        found = [codes[j][0][k].item() for j, k in enumerate(row)]
        texts, heads = [], []
        for name, value in zip(names, found, strict=True):
            if isinstance(value, str):
                texts.append(value)
                heads.append(value)
                continue
            shown = data.labels_of(name).get(int(value)) if value == int(value) else None
            texts.append(shown or number(float(value)))
            heads.append(shown or f"{name}={number(float(value))}")
        labels.append(", ".join(texts))
        titles.append(" ".join(heads))
        values.append(tuple(found))
    return Grouping(names, ids.reshape(-1).astype(np.intp), labels, titles, values)
