"""Documents made from the code are current, and the server stays light."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import ssd
from ssd.cli.reference import errors_markdown, with_settings_table
from ssd.errors import CATALOGUE

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "scipy", "pandas", "polars", "matplotlib", "statsmodels", "ssd.engine", "python_calamine")


def test_docs_errors_is_current():
    written = (ROOT / "docs" / "errors.md").read_text("utf-8")
    assert written == errors_markdown(), "run `ssd errors > docs/errors.md`"


def test_the_settings_table_of_the_readme_is_current():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme == with_settings_table(readme), "run `make docs`"


def test_every_code_has_its_heading():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert headings == sorted(CATALOGUE)


def test_every_code_that_is_raised_is_in_the_catalogue():
    raised = set()
    for source in (ROOT / "ssd").rglob("*.py"):
        raised |= set(re.findall(r"SsdError\(\s*\"([A-Z_]+)\"", source.read_text("utf-8")))
    assert len(raised) > 30
    assert raised - CATALOGUE.keys() == set()


def test_the_version_is_told_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert ssd.__version__ == project["project"]["version"]


def imported_by(statement):
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_server_imports_nothing_heavy():
    modules = imported_by("import ssd.app, ssd.cli.serve, ssd.cli.codes; ssd.app.build_app(ssd.app.Settings())")
    assert "litestar" in modules
    assert [name for name in HEAVY if name in modules] == []


def test_help_imports_no_framework():
    modules = imported_by("import ssd.cli; ssd.cli.parser.build_parser().format_help()")
    assert [name for name in ("litestar", "uvicorn", "aiosqlite", *HEAVY) if name in modules] == []
