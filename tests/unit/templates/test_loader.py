"""A library that breaks its rules is refused, with the file and the field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ssd.errors import SsdError
from ssd.templates.index import INDEX_NAME, index_text, make_index, read_index
from ssd.templates.library import Library, default_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library with one template."""
    place = tmp_path / "library"
    source = default_folder()
    shutil.copytree(source / "partials", place / "partials")
    shutil.copytree(source / "descriptive" / "correlation", place / "descriptive" / "correlation")
    shutil.copy(source / "families.toml", place)
    return place


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "descriptive" / "correlation" / "template.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('kind = "varlist"', 'kind = "formula"', "$.parameters[0].kind"),
        ("required = true", 'required = "yes"', "required"),
        ('id = "descriptive.correlation"', 'id = "descriptive.other"', "folder"),
        ('family = "descriptive_statistics"', 'family = "unknown"', "family"),
        ('version = "1.0.0"', 'version = "1"', "version"),
        ('file = "correlations.csv"', 'file = "../x.csv"', "outputs"),
        ('choices = ["pairwise", "listwise"]', 'choices = ["listwise"]', "missing_values"),
        ('data_shape = "any"', 'data_shape = "any"\nsurprise = 1', "surprise"),
    ],
)
def test_a_wrong_field_is_named(folder: Path, old: str, new: str, named: str) -> None:
    change(folder, old, new)
    with pytest.raises(SsdError, match="LIBRARY_INVALID") as caught:
        Library.load(folder)
    assert "descriptive/correlation/template.toml" in caught.value.message
    assert named in caught.value.message


def test_a_missing_do_file_is_named(folder: Path) -> None:
    (folder / "descriptive" / "correlation" / "template.do").unlink()
    with pytest.raises(SsdError, match=r"template\.do"):
        Library.load(folder)


def test_a_library_without_families_is_refused(folder: Path) -> None:
    (folder / "families.toml").unlink()
    with pytest.raises(SsdError, match=r"families\.toml"):
        Library.load(folder)


def test_the_index_is_used_only_while_it_agrees_with_the_sources(folder: Path) -> None:
    index = make_index(folder)
    (folder / INDEX_NAME).write_text(index_text(index), "utf-8")
    assert Library.load(folder).index_is_current
    assert read_index(folder) == index
    change(folder, 'version = "1.0.0"', 'version = "1.0.1"')
    changed = Library.load(folder)
    assert not changed.index_is_current
    assert changed.get("descriptive.correlation").version == "1.0.1"


def test_a_damaged_index_is_not_believed(folder: Path) -> None:
    (folder / INDEX_NAME).write_text("{", "utf-8")
    assert not Library.load(folder).index_is_current


def test_a_change_of_a_partial_changes_the_hash_of_every_template(folder: Path) -> None:
    before = Library.load(folder).sha256("descriptive.correlation")
    path = folder / "partials" / "data.do"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    assert Library.load(folder).sha256("descriptive.correlation") != before


def test_an_unknown_template_is_not_found() -> None:
    with pytest.raises(SsdError, match="TEMPLATE_NOT_FOUND"):
        Library.load().get("no.such")
