from __future__ import annotations

import pytest

from ssd.errors import SsdError
from ssd.inputs.filenames import checked_name


@pytest.mark.parametrize("name", ["data.csv", "工资 数据（2020）.xlsx", "a'b\"c.csv", "é.dta", "x" * 196 + ".csv"])
def test_ordinary_names_pass(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        None, "", "  ", ".", "..", "../x.csv", "a/b.csv", "a\\b.csv", "C:x.csv", "C:\\x.csv", "/etc/passwd", "x\0.csv",
        "x\n.csv", "x\x7f.csv", "vsc\u202etad.exe", "\u200bx.csv", "\ud800.csv", " x.csv", "x.csv.", "x" * 197 + ".csv",
        "长" * 90 + ".csv",
    ],
)  # fmt: skip
def test_names_that_mislead_or_name_folders_are_refused(name: str | None) -> None:
    with pytest.raises(SsdError) as caught:
        checked_name(name)
    assert caught.value.code == "INPUT_FILENAME_UNSAFE"
