"""Reading and writing .dta files, checked against pyreadstat, an independent implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd.engine.data.dataset import Dataset
from ssd.engine.data.dta import read_dta, write_dta
from ssd.engine.errors import StataError
from ssd.engine.missing import EXTENDED, MISSING

SHARED = Path(__file__).resolve().parents[3] / "shared"
FILES = sorted([*SHARED.glob("golden/data/*.dta"), *SHARED.glob("data/province/*.dta")])


def _texts(items: list[str]) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _sample() -> Dataset:
    data = Dataset(label="样本 data")
    data.add("b", np.array([1.0, MISSING, EXTENDED[3]]), "byte")
    data.add("i", np.array([-32767.0, 32740.0, EXTENDED[26]]), "int", label="whole", value_label="yes")
    data.add("l", np.array([2147483620.0, -5.0, EXTENDED[1]]), "long")
    data.add("f", np.array([0.5, MISSING, -1.25]), "float", format="%9.2f")
    data.add("d", np.array([0.1, EXTENDED[2], 1e300]), "double")
    data.add("s", _texts(["abc", "", "省份"]))
    data.add("big", _texts(["x" * 3000, "", "短"]), "strL")
    data.value_labels["yes"] = {1: "Yes", -32767: "lowest", 0: "否"}
    data.chars["note0"] = "1"
    data.chars["note1"] = "checked"
    data.variables["b"].chars["unit"] = "km"
    data.sorted_by = ["b"]
    return data


def _same(first: Dataset, second: Dataset) -> None:
    assert list(first.variables) == list(second.variables)
    for name, column in first.variables.items():
        other = second.variables[name]
        assert np.array_equal(column.values, other.values), name
        assert (column.type, column.format, column.label, column.value_label, column.chars) == (
            other.type, other.format, other.label, other.value_label, other.chars,
        )  # fmt: skip
    assert first.value_labels == second.value_labels
    assert (first.label, first.chars, first.sorted_by) == (second.label, second.chars, second.sorted_by)


@pytest.mark.parametrize("version", [118, 119])
def test_everything_survives_a_round_trip(tmp_path: Path, version: int) -> None:
    data = _sample()
    write_dta(data, tmp_path / "a.dta", version=version)
    _same(data, read_dta(tmp_path / "a.dta"))


def test_same_data_and_stamp_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_dta(_sample(), tmp_path / f"{name}.dta", timestamp="01 Jan 2020 00:00")
    assert (tmp_path / "a.dta").read_bytes() == (tmp_path / "b.dta").read_bytes()


def test_an_independent_reader_understands_what_we_write(tmp_path: Path) -> None:
    write_dta(_sample(), tmp_path / "a.dta")
    frame, meta = pyreadstat.read_dta(tmp_path / "a.dta", user_missing=True)
    assert meta.column_names == ["b", "i", "l", "f", "d", "s", "big"]
    assert frame["s"].tolist() == ["abc", "", "省份"]
    assert frame["big"].tolist() == ["x" * 3000, "", "短"]
    assert frame["b"].tolist()[2] == "c", "extended missing .c"
    assert frame["i"].tolist()[:2] == [-32767, 32740]
    assert meta.variable_value_labels["i"] == {1: "Yes", -32767: "lowest", 0: "否"}
    assert meta.column_names_to_labels["i"] == "whole"


def test_we_understand_what_an_independent_writer_writes(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.5, None, 3.0], "k": [1, 2, 3], "s": ["a", "bb", "中"]})
    for version in (8, 10, 12, 13, 14, 15):
        texts = frame if version >= 14 else frame.assign(s=["a", "bb", "cc"])
        pyreadstat.write_dta(texts, tmp_path / "w.dta", version=version, column_labels=["first", "second", "third"])
        data = read_dta(tmp_path / "w.dta")
        assert data.numeric("x").tolist() == [1.5, MISSING, 3.0]
        assert data.numeric("k").tolist() == [1.0, 2.0, 3.0]
        assert data.strings("s").tolist() == texts["s"].tolist()
        assert data.variables["k"].label == "second"


@pytest.mark.skipif(not FILES, reason="the shared data files are not present")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_agree_with_an_independent_reader(path: Path, tmp_path: Path) -> None:
    data = read_dta(path)
    try:
        frame, meta = pyreadstat.read_dta(path, disable_datetime_conversion=True)
    except (pyreadstat.ReadstatError, UnicodeDecodeError):
        frame, meta = pyreadstat.read_dta(path, disable_datetime_conversion=True, encoding="latin1")
    assert meta.column_names == list(data.variables)
    for name, column in data.variables.items():
        theirs = frame[name]
        if column.is_string:
            ascii_only = [
                (a, b) for a, b in zip(column.values.tolist(), theirs.fillna("").tolist(), strict=True) if a.isascii()
            ]
            assert all(a.rstrip() == b.rstrip() for a, b in ascii_only)
        else:
            ours = np.where(data.numeric(name) < MISSING, data.numeric(name), np.nan)
            assert np.array_equal(ours, theirs.to_numpy(dtype=np.float64), equal_nan=True), name
    write_dta(data, tmp_path / "copy.dta")
    _same(data, read_dta(tmp_path / "copy.dta"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-1e30, 1e30),
            st.integers(-127, 100),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
        ),
        max_size=8,
    )
)
def test_any_values_survive(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int, str]]) -> None:
    data = Dataset()
    data.add("d", np.array([row[0] for row in rows], dtype=np.float64), "double")
    data.add("b", np.array([float(row[1]) for row in rows], dtype=np.float64), "byte")
    data.add("s", _texts([row[2] for row in rows]))
    path = tmp_path_factory.getbasetemp() / "any.dta"
    write_dta(data, path)
    _same(data, read_dta(path))


def test_errors_are_stata_return_codes(tmp_path: Path) -> None:
    with pytest.raises(StataError) as caught:
        read_dta(tmp_path / "none.dta")
    assert caught.value.rc == 601
    (tmp_path / "bad.dta").write_bytes(b"<stata_dta><header><release>118")
    (tmp_path / "text.dta").write_text("not data")
    for name in ("bad.dta", "text.dta"):
        with pytest.raises(StataError) as caught:
            read_dta(tmp_path / name)
        assert caught.value.rc == 610
    with pytest.raises(StataError) as caught:
        write_dta(_sample(), tmp_path / "no" / "where.dta")
    assert caught.value.rc == 603


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 255))
def test_damaged_files_are_refused_or_read_but_never_crash(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.dta"
    write_dta(_sample(), path, timestamp="")
    raw = bytearray(path.read_bytes())
    raw[position % len(raw)] = byte
    path.write_bytes(raw)
    try:
        read_dta(path)
    except StataError as error:
        assert error.rc == 610
