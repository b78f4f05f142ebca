"""The same table in each of the four formats, written by libraries the service does not use."""

from __future__ import annotations

import csv
from pathlib import Path

Table = list[dict[str, float]]


def as_csv(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def as_xlsx(table: Table, path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("数据")
        sheet.write_row(0, 0, list(table[0]))
        for number, row in enumerate(table, 1):
            sheet.write_row(number, 0, list(row.values()))


def as_xls(table: Table, path: Path) -> None:
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("数据")
    for column, name in enumerate(table[0]):
        sheet.write(0, column, name)
    for number, row in enumerate(table, 1):
        for column, value in enumerate(row.values()):
            sheet.write(number, column, value)
    book.save(str(path))


def as_dta(table: Table, path: Path) -> None:
    import polars
    import pyreadstat

    pyreadstat.write_dta(polars.DataFrame(table), str(path), version=15)


WRITERS = {"csv": as_csv, "xlsx": as_xlsx, "xls": as_xls, "dta": as_dta}
