"""Reading a runbook: its commands, and what it says must be seen after them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_EXPECT = re.compile(r"^Expect: `(.+)`$")
_MARK = "@@ step"


@dataclass(frozen=True)
class Step:
    """The commands of one block and the texts their output must hold."""

    line: int
    commands: str
    expected: tuple[str, ...]


def steps_of(runbook: Path) -> list[Step]:
    """Every `sh` block in order, with the `Expect:` lines between it and the next block."""
    steps: list[Step] = []
    commands: list[str] | None = None
    expected: list[str] = []
    begun = 0

    for number, line in enumerate(runbook.read_text("utf-8").splitlines(), 1):
        if line == "```sh":
            if commands is not None:
                raise ValueError(f"{runbook.name}:{number}: a block begins inside a block")
            commands, expected, begun = [], [], number
        elif line == "```" and commands is not None:
            steps.append(Step(begun, "\n".join(commands), ()))
            commands = None
        elif commands is not None:
            commands.append(line)
        elif match := _EXPECT.match(line):
            expected.append(match[1])
            steps[-1] = Step(steps[-1].line, steps[-1].commands, tuple(expected))
    return steps


def script_of(steps: list[Step]) -> str:
    """One shell for all of them, since later steps use what earlier ones set; the first failure ends it."""
    parts = ["set -euo pipefail"]
    for number, step in enumerate(steps):
        parts += [f"echo; echo '{_MARK} {number}'", step.commands]
    return "\n".join(parts) + "\n"


def outputs_of(output: str) -> dict[int, str]:
    """What each step printed, by its number."""
    found: dict[int, str] = {}
    for part in output.split(f"{_MARK} ")[1:]:
        number, _, text = part.partition("\n")
        found[int(number)] = text
    return found
