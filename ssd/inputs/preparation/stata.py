"""Stata files: read with labels, value labels, formats and types, under valid names."""

from __future__ import annotations

from pathlib import Path

from ssd.engine.data.dataset import Variable
from ssd.engine.data.dta import read_dta
from ssd.engine.errors import StataError
from ssd.inputs.naming import is_stata_name, stata_names
from ssd.inputs.preparation.cells import PLAIN
from ssd.inputs.preparation.columns import stripped
from ssd.inputs.preparation.source import PreparationError
from ssd.inputs.preparation.table import Prepared


def read_stata(path: Path) -> Prepared:
    """Raises PreparationError (INPUT_PARSE_FAILED, INPUT_EMPTY_FILE)."""
    try:
        data = read_dta(path)
    except StataError as error:
        raise PreparationError("INPUT_PARSE_FAILED", "The Stata file is damaged or of an unknown format.") from error
    except (ValueError, OverflowError, KeyError, IndexError) as error:
        raise PreparationError("INPUT_PARSE_FAILED", f"The Stata file is damaged: {error}.") from error
    if not data.variables or data.n_obs == 0:
        raise PreparationError("INPUT_EMPTY_FILE", "The Stata file has no observations.")
    originals = list(data.variables)
    names = stata_names(originals)
    warnings = []
    changed = {old: new for old, new in zip(originals, names, strict=True) if old != new}
    if changed:
        data.rename_all(changed)
        listed = ", ".join(f"{old} → {new}" for old, new in list(changed.items())[:20])
        warnings.append(f"Variable names that are not valid were changed: {listed}.")
    if not all(map(is_stata_name, data.variables)):
        raise PreparationError("INPUT_PARSE_FAILED", "The Stata file has variable names that cannot be used.")
    numeric_text = [name for name, column in data.variables.items() if column.is_string and _only_numbers(column)]
    if numeric_text:
        warnings.append(f"Variables of text that holds only numbers: {', '.join(numeric_text[:20])}.")
    return Prepared(data, dict(zip(names, originals, strict=True)), {}, 0, warnings)


def _only_numbers(column: Variable) -> bool:
    texts = stripped(column.values.tolist())
    present = texts.filter(texts != "")
    return len(present) > 0 and bool(present.str.contains(PLAIN).all())
