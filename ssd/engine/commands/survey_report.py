"""What survey estimations print and keep: the header of the design, and svy: tabulate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssd.engine.commands.describe_selection import Categories, categories, heading, present
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.syntax import Parts
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.formats import format_value
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.survey import SurveyDesign, SurveySample


def record_design(e: ResultSet, design: SurveyDesign, used: BoolArray) -> None:
    """e(N_strata), e(N_psu), e(N_pop), e(df_r), e(prefix) …; for a subpopulation e(N_sub) and e(N_subpop)."""
    e.scalars |= {"N": float(design.rows.sum()), "N_strata": float(design.strata), "N_psu": float(design.units),
                  "N_pop": design.population, "df_r": float(design.df), "stages": 1.0}  # fmt: skip
    if int(used.sum()) < int(design.rows.sum()):
        e.scalars |= {"N_sub": float(used.sum()), "N_subpop": float(design.weights[used].sum())}
    e.macros |= {"prefix": "svy", "vce": "linearized", "vcetype": "Linearized"}


def print_survey_header(
    session: Session,
    title: str,
    design: SurveyDesign,
    used: BoolArray,
    tests: Sequence[tuple[str, float, int, int]] = (),
    r2: float | None = None,
    *,
    width: int = 78,
) -> None:
    """Strata and units on the left; observations, population, degrees of freedom and the model test on the right."""
    log = session.log
    counts = [f"{design.strata:,}", f"{design.units:,}"]
    pad = max(len(text) for text in counts)
    left = [f"Number of strata = {counts[0]:>{pad}}", f"Number of PSUs   = {counts[1]:>{pad}}"]
    entries = [("Number of obs", f"{int(design.rows.sum()):,}"), ("Population size", _size(design.population))]
    if int(used.sum()) < int(design.rows.sum()):
        entries += [
            ("Subpop. no. obs", f"{int(used.sum()):,}"),
            ("Subpop. size", _size(float(design.weights[used].sum()))),
        ]
    entries.append(("Design df", f"{design.df:,}"))
    for label, statistic, df1, df2 in tests:
        p = f_tail(statistic, df1, df2) if np.isfinite(statistic) else np.nan
        entries += [(f"{label}({df1}, {df2})", f"{statistic:.2f}" if np.isfinite(statistic) else "."),
                    ("Prob > F", f"{p:.4f}" if np.isfinite(statistic) else ".")]  # fmt: skip
    if r2 is not None:
        entries.append(("R-squared", f"{r2:.4f}"))
    log.line()
    if title:
        log.line(title)
        log.line()
    for index, (name, value) in enumerate(entries):
        start = left[index] if index < len(left) else ""
        log.line(f"{start:<{width - 29}}{name:<15} = {value:>11}")
    if design.unknown:
        log.line()
        log.line("Note: Missing standard errors because of stratum with single sampling unit.")


def _size(value: float) -> str:
    if value >= 1e6 or value == round(value):
        return f"{round(value):,}"
    return format_value(value, "%11.0gc").strip()


def tabulate_survey(session: Session, parts: Parts, sample: SurveySample) -> None:
    """svy: tabulate, one way or two way, with proportions of the cells and the test of Rao and Scott."""
    options = read_options(parts.options or "") if parts.options else []
    for item in options:
        if item.word not in ("cell", "pearson", "pea", "obs", "se", "row", "col", "column", "count", "percent", "ci"):
            raise StataError(198, f"option {item.named} not allowed")
        if item.word not in ("cell", "pearson", "pea"):
            raise unsupported(f"svy: tabulate with {item.named} is")
    names = session.expand_varlist(parts.subject)
    if not 1 <= len(names) <= 2:
        raise StataError(103 if names else 100, "too many variables specified" if names else "varlist required")
    used = sample.rows & sample.members
    for name in names:
        used = used & present(session, name)
    if not used.any():
        raise StataError(2000, "no observations")
    design = sample.design(used)
    ways = [categories(session, name, used) for name in names]
    print_survey_header(session, "", design, used)
    w = design.weights[used]
    table = _proportions(ways, w)
    _print_table(session, ways, table)
    results = {"N": float(design.rows.sum()), "r": float(len(ways[0].labels)), "total": 1.0}
    matrices = {"Prop": Matrix.of(table)}
    if len(ways) == 2 and min(table.shape) > 1:
        results |= {"c": float(len(ways[1].labels)), **_rao_scott(session, ways, table, w, design, used)}
    e = ResultSet(
        scalars=results, macros={"cmd": "tabulate", "varlist": " ".join(names)}, matrices=matrices, sample=used
    )
    record_design(e, design, used)
    session.e = e


def _proportions(ways: list[Categories], w: FloatArray) -> FloatArray:
    rows = ways[0].codes
    columns = ways[1].codes if len(ways) == 2 else np.zeros_like(rows)
    shape = (len(ways[0].labels), len(ways[1].labels) if len(ways) == 2 else 1)
    totals = np.bincount(rows * shape[1] + columns, weights=w, minlength=shape[0] * shape[1])
    return np.asarray(totals.reshape(shape) / w.sum(), dtype=np.float64)


def _cell(value: float) -> str:
    return format_value(value, "%6.4g").strip()


def _print_table(session: Session, ways: list[Categories], table: FloatArray) -> None:
    log = session.log
    first = heading(session, ways[0].name)
    width = max(9, *(len(label) for label in [*ways[0].labels, "Total"]))
    width = min(width, 20)
    log.line()
    if len(ways) == 1:
        log.line("-" * (width + 2 + 13))
        log.line(f"{first[:width]:<{width}} | proportion")
        log.line("-" * (width + 1) + "+" + "-" * 13)
        for label, value in zip(ways[0].labels, table[:, 0], strict=True):
            log.line(f"{label[:width]:>{width}} |{_cell(float(value)):>11}")
        log.line(f"{'':>{width}} |")
        log.line(f"{'Total':>{width}} |{'1':>11}")
        log.line("-" * (width + 2 + 13))
        log.line("Key: proportion = Cell proportion")
        return
    cell = max(6, *(len(label) for label in ways[1].labels)) + 2
    total = cell * (table.shape[1] + 1)
    log.line("-" * (width + 2 + total))
    log.line(f"{first[:width]:<{width}} |{heading(session, ways[1].name)[:total]:^{total}}".rstrip())
    log.line(f"{'':<{width}} |" + "".join(f"{label:>{cell}}" for label in [*ways[1].labels, "Total"]))
    log.line("-" * (width + 1) + "+" + "-" * total)
    for label, values in zip(ways[0].labels, table, strict=True):
        cells = [*values, values.sum()]
        log.line(f"{label[:width]:>{width}} |" + "".join(f"{_cell(float(v)):>{cell}}" for v in cells))
    log.line(f"{'':>{width}} |")
    cells = [*table.sum(axis=0), 1.0]
    log.line(f"{'Total':>{width}} |" + "".join(f"{_cell(float(v)):>{cell}}" for v in cells))
    log.line("-" * (width + 2 + total))
    log.line("Key: Cell proportion")


def _rao_scott(
    session: Session, ways: list[Categories], table: FloatArray, w: FloatArray, design: SurveyDesign, used: BoolArray
) -> dict[str, float]:
    """Pearson's statistic with the second-order correction of Rao and Scott (1984), as an F statistic.

    With Delta = (C'D^-1 C/n)^-1 (C'D^-1 V D^-1 C), D the diagonal of the observed proportions and C the contrasts of
    the interactions, F = X2 / tr(Delta) has d0 = tr(Delta)^2 / tr(Delta^2) and d0 times the design's degrees of
    freedom ([SVY] svy: tabulate twoway).
    """
    rows, columns = table.shape
    p = table.ravel()
    if np.any(table.sum(axis=0) == 0) or np.any(table.sum(axis=1) == 0):
        raise StataError(460, "a row or column of the table is empty")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    n = float(design.rows.sum()) if int(used.sum()) == int(design.rows.sum()) else float(used.sum())
    chi2 = float(n * ((table - expected) ** 2 / expected).sum())
    cells = (ways[0].codes * columns + ways[1].codes).astype(np.intp)
    indicators = np.zeros((len(cells), rows * columns))
    indicators[np.arange(len(cells)), cells] = 1.0
    scores = (indicators - p) * (w / w.sum())[:, None]
    V = design.meat(scores, used)
    if np.any(p == 0):
        raise unsupported("the test of a table with empty cells is")
    # Contrasts of the interactions, orthogonal to the main effects.
    row_effects = np.kron(np.eye(rows)[:, 1:], np.ones((columns, 1)))
    column_effects = np.kron(np.ones((rows, 1)), np.eye(columns)[:, 1:])
    main = np.column_stack([np.ones(rows * columns), row_effects, column_effects])
    crossed = np.einsum("ij,ik->ijk", row_effects, column_effects).reshape(rows * columns, -1)
    contrasts = crossed - main @ np.linalg.lstsq(main, crossed, rcond=None)[0]
    scaled = contrasts / p[:, None]
    delta = np.linalg.solve(contrasts.T @ scaled / n, scaled.T @ V @ scaled)
    trace = float(np.trace(delta))
    d0 = trace**2 / float(np.trace(delta @ delta))
    F = chi2 / trace
    df = (rows - 1) * (columns - 1)
    log = session.log
    df1, df2 = format_value(d0, "%9.4g").strip(), format_value(d0 * design.df, "%9.2f").strip()
    p_value = f_tail(F, d0, d0 * design.df)
    log.line()
    log.line("  Pearson:")
    label = f"F({df1}, {df2})"
    pad = max(len(label), len(f"chi2({df})"))
    log.line(f"    Uncorrected   {f'chi2({df})':<{pad}} = {chi2:>10.4f}")
    log.line(f"    Design-based  {label:<{pad}} = {F:>10.4f}     P = {p_value:.4f}")
    return {"cun_Pear": chi2, "F_Pear": F, "df1_Pear": d0, "df2_Pear": d0 * design.df, "p_Pear": p_value,
            "cun_p": chi2_tail(chi2, df)}  # fmt: skip
