"""`ssd library`."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from ssd.templates.commands import main
from ssd.templates.library import default_folder


def library(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    return main(list(words), out), out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_folder(), tmp_path / "library"))


def test_show_lists_and_details() -> None:
    code, text = library("show")
    assert (code, "regression.ols" in text) == (0, True)
    code, text = library("show", "regression.ols")
    assert code == 0
    assert "outcome" in text
    assert "tidy.csv" in text


def test_show_of_an_unknown_template_fails_with_its_code() -> None:
    assert library("show", "no.such") == (1, "TEMPLATE_NOT_FOUND: There is no template no.such.\n")


def test_coverage_counts_and_lists_what_is_missing() -> None:
    code, text = library("coverage")
    assert code == 0
    assert text.splitlines()[-1].endswith("of 322 covered")
    assert "T17 " in text
    assert "T17 " not in library("coverage", "--missing")[1]


def test_check_finds_what_build_repairs(folder: Path) -> None:
    path = folder / "regression" / "ols" / "template.toml"
    path.write_text(path.read_text("utf-8").replace('version = "1.0.0"', 'version = "1.0.1"'), "utf-8")
    code, text = library("check", "--static", "--folder", str(folder))
    assert code == 1
    assert "run `ssd library build`" in text
    assert library("build", "--folder", str(folder))[0] == 0
    assert library("check", "--static", "--folder", str(folder))[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ssd_step fitted", "shell ls\nssd_step fitted", "command shell is not allowed"),
        ('graph export "residuals.svg", replace', "", "residuals.svg is declared as required but not always written"),
        ('"vif.csv"', '"other.csv"', "other.csv is written but not declared"),
        ("[[ confidence ]]", "95", ""),
        ("[[ epilogue() ]]", "", "prologue or epilogue is missing"),
        ("[[ outcome ]]", "[[ outcom ]]", "uses outcom, which is no parameter"),
        ("regress [[ outcome ]] `regressors'\nestat hettest", "nosuchcommand\nestat hettest", "nosuchcommand"),
    ],
)
def test_check_finds_a_wrong_do_file(folder: Path, old: str, new: str, said: str) -> None:
    path = folder / "regression" / "ols" / "template.do"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    library("build", "--folder", str(folder))
    code, text = library("check", "--static", "--folder", str(folder))
    assert said in text
    assert code == (1 if said else 0)


def test_check_of_an_unknown_id_fails(folder: Path) -> None:
    code, text = library("check", "no.such", "--folder", str(folder))
    assert code == 1
    assert "no template has an id like that" in text
