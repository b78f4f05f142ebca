"""The coefficient table of the last estimation as a grid of cells, for putexcel, putdocx and etable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.estimates_cells import clean_name, split_name
from ssd.engine.commands.estimation import estimation_of
from ssd.engine.output.estimation import number, result_table

if TYPE_CHECKING:
    from ssd.engine.session import Session

Grid = list[list[float | str]]


_FORMATS = ("", "%9.0g", "%9.0g", "%8.2f", "%5.3f", "%9.0g", "%9.0g")


def shown_grid(grid: Grid) -> Grid:
    """The numbers of a coefficient grid as the table of the log shows them."""
    return [
        [cell if isinstance(cell, str) else number(cell, _FORMATS[j]).strip() for j, cell in enumerate(row)]
        for row in grid
    ]


def coefficient_grid(session: Session) -> Grid:
    """Headings and a row for each coefficient: estimate, standard error, test, p-value and interval.

    Base levels are left out, omitted coefficients say so. Raises r(301).
    """
    table = estimation_of(session).table
    values = result_table(table).values
    test = "z" if table.df is None else "t"
    heads = [table.depvar, table.coefficient_heading, "Std. err.", test, f"P>|{test}|"]
    grid: Grid = [[*heads, f"[{table.level:g}% conf.", "interval]"]]
    equations = {split_name(name)[0] for name in table.names}
    last = ""
    for j, name in enumerate(table.names):
        equation, term = split_name(name)
        shown = clean_name(term, omitted=True, base=False)
        if shown is None:
            continue
        if len(equations) > 1 and equation != last:
            last = equation
            grid.append([equation, "", "", "", "", "", ""])
        if values[1, j] == 0.0 or "o." in term:
            grid.append([shown, 0.0, "(omitted)", "", "", "", ""])
        else:
            grid.append([shown, *(float(values[i, j]) for i in (0, 1, 2, 3, 4, 5))])
    return grid
