"""`ssd library …`: build, check, coverage, show."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TextIO

import msgspec

from ssd.errors import SsdError
from ssd.templates.arguments import add_actions
from ssd.templates.check import ENGINE_COMMAND, CaseResult, check_library, stata_command
from ssd.templates.coverage import coverage
from ssd.templates.index import INDEX_NAME, MANIFEST_NAME, index_text, make_index, manifest_text
from ssd.templates.library import Library, default_folder
from ssd.templates.lint import lint
from ssd.templates.models import Template


def main(words: list[str] | None = None, out: TextIO | None = None) -> int:
    """`ssd library …` on its own. The exit status: 0 well, 1 something is wrong with the library, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="ssd library", description="Look after the do-template library.")
    add_actions(parser)
    return run(parser.parse_args(words), out or sys.stdout)


def run(arguments: argparse.Namespace, out: TextIO, configured: Path | None = None) -> int:
    """Do what the parsed arguments ask for; `configured` is the library of the settings."""
    folder = Path(arguments.folder) if arguments.folder else configured or default_folder()
    try:
        match arguments.action:
            case "build":
                return _build(folder, out)
            case "check":
                return _check(folder, arguments, out)
            case "coverage":
                return _coverage(folder, out, missing_only=arguments.missing)
            case _:
                return _show(folder, arguments.template_id, out)
    except SsdError as error:
        out.write(f"{error.code}: {error.message}\n")
        return 1


def _build(folder: Path, out: TextIO) -> int:
    index = make_index(folder)
    (folder / INDEX_NAME).write_text(index_text(index), "utf-8")
    (folder / MANIFEST_NAME).write_text(manifest_text(index), "utf-8")
    out.write(f"{INDEX_NAME} and {MANIFEST_NAME}: {len(index.entries)} templates, {len(index.families)} families\n")
    return 0


def _check(folder: Path, options: argparse.Namespace, out: TextIO) -> int:
    started = time.monotonic()
    library = Library.load(folder)
    found = lint(library)
    for line in found:
        out.write(f"FAIL {line}\n")
    out.write(f"{len(library.templates)} templates checked without running: {len(found)} problems\n")
    out.flush()
    if options.static:
        return 1 if found else 0
    command = stata_command(os.environ.get("SS_STATA_CMD", "")) if options.engine == "stata" else ENGINE_COMMAND

    def report(result: CaseResult) -> None:
        seconds = time.monotonic() - started
        state = "FAIL" if result.problems else "ok  "
        out.write(f"{state} {result.title}: {result.numbers} numbers ({seconds:.0f} s)\n")
        for problem in result.problems:
            out.write(f"     {problem}\n")
        out.flush()

    results = check_library(library, command, options.template, report)
    if not results:
        out.write("no template has an id like that\n")
        return 1
    failed = sum(1 for result in results if result.problems)
    out.write(f"{len(results)} examples run, {failed} failed\n")
    return 1 if found or failed else 0


def _coverage(folder: Path, out: TextIO, *, missing_only: bool) -> int:
    rows = coverage(Library.load(folder))
    for row in rows:
        if row.template_ids and missing_only:
            continue
        out.write(f"{row.id:5} {', '.join(row.template_ids) or '-':32} {row.title} {row.title_zh}\n")
    covered = sum(1 for row in rows if row.template_ids)
    out.write(f"{covered} of {len(rows)} covered\n")
    return 0


def _show(folder: Path, template_id: str | None, out: TextIO) -> int:
    library = Library.load(folder)
    if template_id is None:
        for template in library.templates:
            out.write(f"{template.id:32} {template.title.en} {template.title.zh}\n")
        return 0
    _show_template(library.get(template_id), library.sha256(template_id), out)
    return 0


def _show_template(template: Template, sha256: str, out: TextIO) -> None:
    out.write(f"{template.id} {template.version}  {template.title.en} {template.title.zh}\n")
    out.write(f"{template.summary.en}\n{template.summary.zh}\n")
    out.write(f"family {template.family}, design {template.design}, data {template.data_shape}, sha256 {sha256}\n")
    out.write("parameters\n")
    for parameter in template.parameters:
        need = "required" if parameter.required else f"default {msgspec.json.encode(parameter.default).decode()}"
        choices = f" ({' | '.join(parameter.choices)})" if parameter.choices else ""
        out.write(f"  {parameter.name:16} {parameter.kind:12} {need:18} {parameter.label.en}{choices}\n")
    out.write("outputs\n")
    for output in template.outputs:
        when = "always" if output.required else "if any"
        out.write(f"  {output.file:24} {output.type:8} {when:8} {output.title.en}\n")
    out.write(f"covers {', '.join(template.covers)}\n")


if __name__ == "__main__":
    sys.exit(main())
