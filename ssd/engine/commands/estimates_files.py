"""estimates save, use, esample and title: results in a file of this engine's own form.

The file is JSON with the extension .ster: `form` ("ssd-engine estimates") and `version` name the form; `scalars`,
`macros`, `matrices` hold e(); `table` what the coefficient table needs; `designs` and `predictions` what predict and
margins need where that can be written down; `shown` is the printed output for replay. Stata's binary form is not read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from ssd.engine.commands.estimation import Estimation, store_table
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import is_missing
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.output.log import Log
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.design import Column, Design, Part

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FORM: Final = "ssd-engine estimates"
_VERSION: Final = 1


class _NotSaved(dict[str, Any]):
    """Stands for what the file of a model cannot hold; whoever asks for it is refused."""

    def _refuse(self) -> NoReturn:
        raise unsupported("this command after estimates use of this model is")

    def __getitem__(self, key: str) -> NoReturn:
        self._refuse()

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __contains__(self, key: object) -> bool:
        self._refuse()

    def get(self, key: str, default: Any = None) -> NoReturn:
        self._refuse()

    def values(self) -> NoReturn:
        self._refuse()

    def items(self) -> NoReturn:
        self._refuse()

    def keys(self) -> NoReturn:
        self._refuse()


def _file(text: str) -> tuple[str, list[str]]:
    main, option_text = split_comma(text)
    words = split_words(main)
    if len(words) != 1:
        raise invalid_syntax("invalid file specification")
    name = words[0] if "." in words[0].rpartition("/")[2] else f"{words[0]}.ster"
    return name, [item.named for item in read_options(option_text or "")]


def save_estimates(session: Session, text: str) -> None:
    """`estimates save file [, replace]`. Raises r(301) without results, r(602) for a file that exists."""
    name, options = _file(text)
    for option in options:
        if option in {"append", "alt"}:
            raise unsupported("several results in one file are")
        if option != "replace":
            raise StataError(198, f"option {option} not allowed")
    estimation = session.e.hidden.get("estimation")
    if "b" not in session.e.matrices or not isinstance(estimation, Estimation):
        raise StataError(301, "last estimates not found")
    path = session.output_path(name)
    if path.exists() and "replace" not in options:
        raise StataError(602, f"file {name} already exists")
    plain = all(isinstance(v, str | int | float | bool | None) for v in estimation.predictions.values())
    content = {
        "form": _FORM,
        "version": _VERSION,
        "scalars": session.e.scalars,
        "macros": session.e.macros,
        "matrices": {key: _written(matrix) for key, matrix in session.e.matrices.items()},
        "table": _written_table(estimation.table),
        "weights": list(estimation.weights),
        "designs": {key: asdict(design) for key, design in estimation.designs.items()} if plain else None,
        "predictions": estimation.predictions if plain else None,
        "shown": _shown(session, estimation),
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    session.log.line(f"file {name} saved")


def _written(matrix: Matrix) -> dict[str, Any]:
    return {"values": matrix.values.tolist(), "rows": matrix.rows, "cols": matrix.cols}


def _written_table(table: CoefficientTable) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in fields(table):
        value = getattr(table, item.name)
        if item.name in {"data", "style"}:
            continue
        if isinstance(value, np.ndarray):
            value = {"array": value.tolist()}
        elif isinstance(value, frozenset):
            value = {"set": sorted(value)}
        values[item.name] = value
    return values


def _shown(session: Session, estimation: Estimation) -> str:
    """What replaying prints."""
    stream = io.StringIO()
    log, before = session.log, session.r
    session.log = Log(stream, linesize=log.linesize)
    try:
        estimation.show()
    finally:
        session.log, session.r = log, before
    return stream.getvalue()


def use_estimates(session: Session, text: str) -> None:
    """`estimates use file`. Raises r(601) for a missing file, r(610) for one that is not of this form."""
    name, options = _file(text)
    if options:
        raise unsupported(f"option {options[0]} of estimates use is")
    path = session.path(name)
    if not path.is_file():
        raise StataError(601, f"file {name} not found")
    content = _read(path.read_bytes(), name)
    results = ResultSet()
    results.scalars = {key: float(value) for key, value in content["scalars"].items()}
    results.macros = dict(content["macros"])
    for key, matrix in content["matrices"].items():
        values = np.array(matrix["values"], dtype=np.float64).reshape(len(matrix["rows"]), len(matrix["cols"]))
        results.matrices[key] = Matrix(values, list(matrix["rows"]), list(matrix["cols"]))
    shown: str = content["shown"]

    def show() -> None:
        session.log.write(shown)

    designs: dict[str, Design] = _NotSaved()
    predictions: dict[str, object] = _NotSaved()
    if content["designs"] is not None:
        designs = {key: _design(value) for key, value in content["designs"].items()}
        predictions = dict(content["predictions"])
    weights = (str(content["weights"][0]), str(content["weights"][1]))
    estimation = Estimation(designs, _table(content["table"], session), show, weights, predictions)
    results.sample = np.zeros(session.data.n_obs, dtype=np.bool_)
    results.hidden["estimation"] = estimation
    session.e = results
    store_table(session, estimation.table)


def _read(data: bytes, name: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError):
        content = None
    if not isinstance(content, dict) or content.get("form") != _FORM or content.get("version") != _VERSION:
        raise StataError(
            610, f"file {name} is not in the form this engine writes\nStata's own .ster files are not read"
        )
    return content


def _table(values: dict[str, Any], session: Session) -> CoefficientTable:
    restored: dict[str, Any] = {"data": session.data}
    for key, value in values.items():
        if isinstance(value, dict) and "array" in value:
            restored[key] = np.array(value["array"], dtype=np.float64)
        elif isinstance(value, dict) and "set" in value:
            restored[key] = frozenset(value["set"])
        else:
            restored[key] = value
    return CoefficientTable(**restored)


def _design(values: dict[str, Any]) -> Design:
    columns = [
        Column(tuple(Part(**part) for part in column["parts"]), column["status"]) for column in values["columns"]
    ]
    return Design(columns, values["constant"], list(values["notes"]), dict(values["factors"]), dict(values["bases"]))


def set_sample(session: Session, text: str) -> None:
    """`estimates esample: [varlist] [if] [in] [, replace]`: e(sample) of results from a file."""
    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    body = text.strip().removeprefix(":")
    if not body.strip():
        marked = session.e.sample is not None and bool(session.e.sample.any())
        session.log.line(f"e(sample) {'set' if marked else 'not set (0 assumed)'}")
        return
    parts = split_line(body)
    replace = [item.word for item in read_options(parts.options or "")]
    if set(replace) - {"replace"}:
        raise unsupported(f"option {replace[0]} of estimates esample is")
    if session.e.sample is not None and session.e.sample.any() and not replace:
        raise StataError(322, "e(sample) already set; specify option replace")
    mask = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.condition is not None:
        mask &= session.evaluate_condition(parts.condition)
    if parts.range is not None:
        from ssd.engine.lang.syntax import parse_range

        first, last = parse_range(parts.range, session.data.n_obs)
        inside = np.zeros_like(mask)
        inside[first:last] = True
        mask &= inside
    for name in session.expand_varlist(parts.subject) if parts.subject else []:
        variable = session.data.variables[name]
        mask &= (session.data.strings(name) != "") if variable.is_string else ~is_missing(session.data.numeric(name))
    session.e.sample = mask


def set_title(session: Session, text: str) -> None:
    """`estimates title: text`, or show the title."""
    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    body = text.strip()
    if not body.startswith(":"):
        session.log.line(session.e.macros.get("estimates_title", ""))
        return
    session.e.macros["estimates_title"] = strip_quotes(body[1:].strip())
