from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ssd.errors import SsdError
from ssd.inputs.content import check_content, format_of_name
from tests.unit.inputs.workbooks import CFB_MAGIC, encrypted_xls, encrypted_xlsx, make_xls, make_xlsx, zip_bomb

TABLE = {"s": [["a", "b"], [1, 2]]}


def refused(path: Path, name: str) -> SsdError:
    with pytest.raises(SsdError) as caught:
        check_content(path, name, format_of_name(name))
    return caught.value


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["data.csv", "DATA.CSV", "工资.xlsx", "a.b.xls", "x.dta"])
def test_supported_endings(name: str) -> None:
    assert f".{format_of_name(name)}" == Path(name).suffix.lower()


@pytest.mark.parametrize("name", ["data", "data.pdf", "data.xlsm.exe", "data.txt", ".csv"])
def test_other_endings_are_refused_with_the_supported_ones(name: str) -> None:
    with pytest.raises(SsdError) as caught:
        format_of_name(name)
    assert caught.value.code == "INPUT_UNSUPPORTED_FORMAT"
    assert caught.value.members["supported_formats"] == [".csv", ".xlsx", ".xls", ".dta"]


def test_real_files_pass(tmp_path: Path) -> None:
    check_content(make_xlsx(tmp_path / "a.xlsx", TABLE), "a.xlsx", "xlsx")
    check_content(make_xls(tmp_path / "a.xls", TABLE), "a.xls", "xls")
    check_content(written(tmp_path / "a.csv", b"a,b\n1,2\n"), "a.csv", "csv")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", b"%PDF-1.7 ...", "PDF"), ("a.csv", b"\x1f\x8b\x08 ....", "gzip"), ("a.xlsx", b"a,b\n1,2\n", "text"),
        ("a.xls", b"<html><table>", "HTML"), ("a.dta", b"x,y\n", "text"), ("a.csv", b"<stata_dta><header>", "Stata"),
        ("a.xls", b"\x89PNG\r\n", "PNG"), ("a.xls", CFB_MAGIC + bytes(600), "compound"),
    ],
)  # fmt: skip
def test_content_that_is_something_else_is_named(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    error = refused(written(tmp_path / "f", content), name)
    assert error.code == "INPUT_UNSUPPORTED_FORMAT"
    assert found in error.message and name in error.message


def test_a_workbook_under_the_wrong_ending_is_named(tmp_path: Path) -> None:
    assert "(.xlsx)" in refused(make_xlsx(tmp_path / "a", TABLE), "a.xls").message
    assert "(.xls)" in refused(make_xls(tmp_path / "b", TABLE), "b.xlsx").message
    assert "(.xlsx)" in refused(tmp_path / "a", "a.csv").message


def test_other_zip_archives_are_named(tmp_path: Path) -> None:
    for member, words in [("word/document.xml", "Word"), ("xl/workbook.bin", "xlsb"), ("x.txt", "a zip archive")]:
        with zipfile.ZipFile(tmp_path / "z", "w") as archive:
            archive.writestr(member, "x")
        assert words in refused(tmp_path / "z", "z.xlsx").message


def test_protected_workbooks_are_named(tmp_path: Path) -> None:
    assert refused(written(tmp_path / "a", encrypted_xlsx()), "a.xlsx").code == "INPUT_ENCRYPTED"
    assert refused(encrypted_xls(tmp_path / "b"), "b.xls").code == "INPUT_ENCRYPTED"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    error = refused(zip_bomb(tmp_path / "bomb"), "bomb.xlsx")
    assert error.code == "INPUT_PARSE_FAILED"
    assert "unpack" in error.message


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    content = make_xlsx(tmp_path / "a.xlsx", TABLE).read_bytes()
    assert refused(written(tmp_path / "cut", content[: len(content) // 2]), "cut.xlsx").code == "INPUT_PARSE_FAILED"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\r\n", b"\xff\xfe"])
def test_nothing_is_empty(tmp_path: Path, content: bytes) -> None:
    assert refused(written(tmp_path / "e", content), "e.csv").code == "INPUT_EMPTY_FILE"
