"""The batch contract, checked on real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ssd.engine.commands import load, load_all
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.scan import commands_of, unsupported_in

PROJECT = Path(__file__).resolve().parents[2]


def engine(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ssd.engine", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_batch_writes_the_log_and_exits_0_on_error(tmp_path: Path) -> None:
    (tmp_path / "run.do").write_text("display 1\nnosuch\n")
    result = engine(tmp_path, "-b", "do", "run.do", SSD_ENGINE_STATUS="status.json")
    assert (result.returncode, result.stdout) == (0, "")
    log = (tmp_path / "run.log").read_text()
    assert log.startswith("ssd-engine ")
    assert log.endswith("command nosuch is unrecognized\nr(199);\n\nend of do-file\nr(199);\n")
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["rc"], status["line"], status["command"]) == (199, 2, "nosuch")


def test_strict_exit_reports_the_error(tmp_path: Path) -> None:
    (tmp_path / "run.do").write_text("nosuch\n")
    assert engine(tmp_path, "-b", "--strict-exit", "do", "run.do").returncode == 1


def test_success_ends_with_end_of_do_file_and_passes_arguments(tmp_path: Path) -> None:
    (tmp_path / "run.do").write_text("display \"`1'|`2'\"\n")
    result = engine(tmp_path, "do", "run.do", "a b", "c")
    assert result.returncode == 0
    assert "\na b|c\n" in result.stdout
    assert result.stdout.endswith(". \nend of do-file\n")


def test_missing_do_file_is_601(tmp_path: Path) -> None:
    result = engine(tmp_path, "--strict-exit", "do", "nosuch.do")
    assert result.returncode == 1
    assert "r(601);" in result.stdout


def test_an_interrupt_ends_the_run_with_a_break(tmp_path: Path) -> None:
    (tmp_path / "run.do").write_text('display "started"\nwhile 1 {\n  local x 1\n}\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "ssd.engine", "do", "run.do"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("  4. }") or line == "started\n":
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert "--Break--\nr(1);" in rest


def test_check_lists_what_is_unknown_by_line(tmp_path: Path) -> None:
    (tmp_path / "x.do").write_text("display 1\nif 1 {\n  nosuch 2\n}\nprogram own\n  other\nend\nown\n")
    result = engine(tmp_path, "check", "x.do")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "x.do:3: command nosuch is unrecognized",
        "x.do:6: command other is unrecognized",
    ]


def test_commands_of_names_every_command() -> None:
    text = (
        "qui di 1\ncap noi loc x 2\nforeach v in a {\n  gl g `v'\n}\nif 1 di 2\ninput a\n1\nend\n"
        "program p\n  shell ls\nend\n"
    )
    found = [(line, name) for line, name, _ in commands_of(text)]
    assert found[:4] == [(1, "display"), (2, "local"), (3, "foreach"), (4, "global")]
    assert (6, "display") in found and (6, "if") in found
    assert (11, "shell") in found
    assert not any(name == "1" for _, name in found)


def test_unsupported_in_knows_programs_of_the_do_file() -> None:
    assert unsupported_in("program a\nend\na\nb\n") == [(4, "command b is unrecognized")]


def test_no_two_commands_claim_a_name_or_abbreviation() -> None:
    assert load().conflicts == []


def test_the_index_of_commands_is_what_the_modules_declare() -> None:
    registry = load()
    declared = {command.name: command.minimum for command in load_all()}
    assert sorted(declared) == registry.names()
    assert all(registry.canonical(name[:minimum]) is not None for name, minimum in declared.items())
    for command in load_all():
        if command.grammar.strip() != "*":
            compile_grammar(command.grammar)


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_information_flags(tmp_path: Path, flag: str) -> None:
    result = engine(tmp_path, flag)
    assert result.returncode == 0
    assert "ssd-engine" in result.stdout
