"""The generated reference of the engine: every command with its grammar, results, refusals and cases."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from ssd.engine import NAME, VERSION
from ssd.engine.commands import load, load_all
from ssd.engine.commands.declare import Command
from ssd.engine.lang.syntax import command_grammar
from ssd.engine.output.display import DISPLAY_OPTIONS

DIFFERENCES: Final[tuple[tuple[str, str], ...]] = (
    (
        "Random numbers",
        "`runiform()` is the 64-bit Mersenne Twister and gives Stata's published streams. The other random functions, "
        "and every command that draws (`bsample`, `sample`, `bootstrap`, `simulate` …), use this engine's own streams: "
        "same seed, same result on every run, but not Stata's numbers.",
    ),
    (
        "Sorting",
        "`sort` is always stable; Stata breaks ties at random. Results that depend on the order of ties agree with "
        "`sort, stable`.",
    ),
    (
        "Maximum likelihood",
        "Estimates are taken to the maximum itself, beyond the digits at which Stata stops; iteration logs differ, and "
        "`tolerance()` has no effect. `iterate()` that is reached ends in r(430).",
    ),
    (
        "Files",
        "Files are written only below the folder the run started in; web addresses are not read; `shell` and its "
        "relatives are refused.",
    ),
    (
        "Limits",
        "`set maxvar`, `set matsize` and `set max_memory` are honoured as limits (r(900), r(908), r(909)); beyond them "
        "the process has what the system gives it (r(950)). Programs and do-files nest 64 deep.",
    ),
    ("Versions", "`version` is read and remembered; output follows Stata 17 and 18 whatever the version."),
    (
        "Replacing a variable by its own neighbours",
        "`replace x = x[_n-1] + 1` runs from the first observation to the last as in Stata, in as many passes as the "
        "longest chain has links; very long recursions over very many observations are slow.",
    ),
    ("Graphs", "Drawn with matplotlib in the manner of the stcolor scheme; similar to Stata's, not identical."),
    ("Mata, Python, plugins, Java", "Refused with r(199)."),
    (
        "Everything undeclared",
        "Refused: an unknown command with r(199), an unknown option with r(198). Nothing is ignored silently.",
    ),
)  # fmt: skip


@dataclass
class Evidence:
    """How many cases prove each command, and how many there are in all."""

    by_command: Counter[str] = field(default_factory=Counter)
    written: int = 0
    published: int = 0
    errors: int = 0


def gather(folder: Path) -> Evidence:
    """Count the cases below `folder` (tests/engine): `cases/*.toml`, `errors.toml`, and the index of published
    cases that pass, `published_cases.tsv` (id, blank-separated commands)."""
    evidence = Evidence()
    for path in sorted((folder / "cases").glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for case in content["case"]:
            evidence.written += 1
            evidence.by_command[case.get("command", content.get("command", path.stem))] += 1
    for line in (folder / "published_cases.tsv").read_text(encoding="utf-8").splitlines():
        _, _, commands = line.partition("\t")
        evidence.published += 1
        evidence.by_command.update(commands.split())
    evidence.errors = len(tomllib.loads((folder / "errors.toml").read_text(encoding="utf-8"))["error"])
    return evidence


def commands_in(lines: Iterable[str]) -> list[str]:
    """Commands that do-lines call, prefixes passed over; for the index of published cases."""
    registry = load()
    found = set()
    for line in lines:
        for word in re.findall(r"(?:^|[:{]|\b(?:quietly|capture|noisily)\b) *(\w+)", line):
            name = registry.canonical(word)
            if name is not None:
                found.add(name)
    return sorted(found)


def render(evidence: Evidence) -> str:
    """The whole page, Markdown."""
    commands = load_all()
    names = {command.name for command in commands}
    total = evidence.written + evidence.published + evidence.errors
    proven = sum(1 for name in names if evidence.by_command[name])
    thrice = sum(1 for name in names if evidence.by_command[name] >= 3)
    parts = [
        "# The embedded engine",
        f"Written by `python -m ssd.engine reference`; do not edit. {NAME} {VERSION}.",
        f"**{len(commands)} commands; {total} cases, {proven} commands proven by at least one of them, {thrice} by "
        f"three or more.** {evidence.published} cases are published Stata output, {evidence.written} are computed "
        f"independently or follow from documented rules (`tests/engine/cases`), {evidence.errors} check how a do-file "
        "with an error ends (`tests/engine/errors.toml`). No expectation comes from this engine.",
        "It runs do-files in Stata's language, is not Stata, and refuses what it cannot do exactly.",
        "## Differences from Stata",
        *(f"- **{title}.** {text}" for title, text in DIFFERENCES),
        "## What replication code asks for and the engine refuses",
        "| command | what | why |\n|---|---|---|\n" + "\n".join(_refusals()),
        "## Functions",
        ", ".join(f"`{name}()`" for name in _functions()) + f". Cases: {evidence.by_command['functions']} groups.",
        "## Commands at a glance",
        "| command | what it does | cases |\n|---|---|---|\n"
        + "\n".join(_row(command, evidence.by_command[command.name]) for command in commands),
        "## Commands",
        *(_section(command, evidence.by_command[command.name]) for command in commands),
    ]
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    """Blank lines between parts, none between the items of a list."""
    text = parts[0]
    for before, part in pairwise(parts):
        together = before.startswith("- ") and part.startswith("- ")
        text += ("\n" if together else "\n\n") + part
    return text + "\n"


def _refusals() -> list[str]:
    """Rows of `refusals.toml`, which lies beside this module."""
    content = tomllib.loads(Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8"))
    return [
        f"| `{item['command']}` | {_plain(item.get('option', 'the whole command'))} | {_plain(item['reason'])} |"
        for item in content["refusal"]
    ]


def _functions() -> list[str]:
    from ssd.engine.expr.functions import FUNCTIONS

    return sorted(FUNCTIONS)


def _row(command: Command, cases: int) -> str:
    return f"| `{command.name}` | {_plain(command.summary)} | {cases or '—'} |"


def _plain(text: str) -> str:
    return text.replace("|", "\\|")


def _section(command: Command, cases: int) -> str:
    grammar = "parses its own line" if command.grammar == "*" else f"`{command.name} {command.grammar}`"
    shortest = command.name[: command.minimum]
    lines = [f"### {command.name}", _plain(command.summary), "", f"- Grammar: {grammar}"]
    if shortest != command.name:
        lines.append(f"- Shortest abbreviation: `{shortest}`")
    if command.grammar != "*" and any(o.name == "coeflegend" for o in command_grammar(command.grammar).options):
        lines.append(f"- Display options: `{DISPLAY_OPTIONS}`")
    if command.by != "no":
        lines.append("- May be combined with `by`")
    if command.stored and command.stored != "none":
        lines.append(f"- Leaves: {_plain(command.stored)}")
    if command.refused and command.refused != "none":
        lines.append(f"- Refused: {_plain(command.refused)}")
    lines.append(f"- Cases: {cases}")
    return "\n".join(lines)
