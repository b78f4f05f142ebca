"""The one judge of a Stata log.

Stata's batch mode exits 0 even when the do-file failed, so the log is read instead. After an error it
ends with the message, `r(N);`, a blank line, `end of do-file` and `r(N);` again, once per nesting
level. A captured error never passes that last marker, and a text such as `r(199);` that a do-file
prints comes before it; so only what follows the last `end of do-file` counts.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

END_MARKER = "end of do-file"
TAIL_BYTES = 262_144
"""A log may be hundreds of megabytes; its end and the last messages fit in this."""

_RETURN_CODE = re.compile(r"^r\((\d+)\);$")
_LICENCE = re.compile(
    r"cannot find (?:your )?license file|license is (?:invalid|not applicable)|license (?:has )?expired"
    r"|your license has expired|too many users|stata\.lic",
    re.IGNORECASE,
)
_ECHO = re.compile(r"^\. (?P<text>.*)$")
_PROTOCOL = "SSD|"


class Ending(StrEnum):
    """How a log ends."""

    COMPLETE = "complete"
    ERROR = "error"
    BREAK = "break"
    """`--Break--`: somebody or something interrupted Stata."""
    LICENCE = "licence"
    INCOMPLETE = "incomplete"
    """No end marker: the process died, or is still writing."""
    ABSENT = "absent"
    """No log at all: the program never started the do-file."""


class Verdict(msgspec.Struct, frozen=True):
    """What the log says. `rc` is set for ERROR and BREAK."""

    ending: Ending
    rc: int | None = None
    message: str | None = None
    command: str | None = None


class FailLine(msgspec.Struct, frozen=True):
    """`SSD|fail|code|variable|message`, printed by a template's own validation."""

    code: str
    variable: str
    message: str


def judge(log: str | None, stderr: str = "") -> Verdict:
    """The verdict on a log (or on its tail). `None` is a log that does not exist."""
    if log is None or not log.strip():
        if _LICENCE.search(stderr):
            return Verdict(Ending.LICENCE, message=_first_match_line(stderr))
        return Verdict(Ending.ABSENT)
    lines = log.splitlines()
    marker = _last_index(lines, END_MARKER)
    if marker is None:
        text = log + "\n" + stderr
        if _LICENCE.search(text):
            return Verdict(Ending.LICENCE, message=_first_match_line(text))
        return Verdict(Ending.INCOMPLETE)
    code = next((match for line in lines[marker + 1 :] if (match := _RETURN_CODE.match(line.strip()))), None)
    if code is None:
        return Verdict(Ending.COMPLETE)
    rc = int(code.group(1))
    message, command = _explain(lines[:marker], rc)
    ending = Ending.BREAK if rc == 1 else Ending.ERROR
    return Verdict(ending, rc, message, command)


def _last_index(lines: list[str], text: str) -> int | None:
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].strip() == text:
            return index
    return None


def _first_match_line(text: str) -> str | None:
    return next((line.strip() for line in text.splitlines() if _LICENCE.search(line)), None)


def _explain(lines: list[str], rc: int) -> tuple[str | None, str | None]:
    """The message above the first `r(rc);` of the final error block, and the command echoed before it."""
    stop = len(lines)
    wanted = f"r({rc});"
    # The innermost level reports first; walk up over the outer levels' markers.
    while stop > 0:
        previous = stop - 1
        text = lines[previous].strip()
        if text in ("", END_MARKER, wanted):
            stop = previous
            continue
        break
    start = stop
    while start > 0 and not _is_echo(lines[start - 1]):
        start -= 1
    message_lines = [line.strip() for line in lines[start:stop] if line.strip() and not line.startswith(_PROTOCOL)]
    message = "\n".join(message_lines[-4:]) or None
    command = _command_above(lines, start)
    return message, command


def _is_echo(line: str) -> bool:
    return line.startswith((". ", "> ")) or re.match(r"^\s+\d+\. ", line) is not None


def _command_above(lines: list[str], start: int) -> str | None:
    pieces: list[str] = []
    for index in range(start - 1, -1, -1):
        line = lines[index]
        if line.startswith("> "):
            pieces.append(line[2:])
            continue
        match = _ECHO.match(line)
        if match:
            pieces.append(match.group("text"))
        break
    text = "".join(reversed(pieces)).strip()
    return text or None


def fail_line(log: str) -> FailLine | None:
    """The last `SSD|fail|…` line of a log, if a template refused the data by name."""
    for line in reversed(log.splitlines()):
        if line.startswith("SSD|fail|"):
            parts = line.split("|", 4)
            if len(parts) == 5:
                return FailLine(*(part.strip() for part in parts[2:]))
    return None


def locate(do_text: str, command: str | None) -> int | None:
    """1-based line of the do-file where `command`, as the log echoes it, begins.

    A command may be echoed with `///` joined; then its beginning is looked for. The last match counts
    only if it is the sole one, because the same line may stand in a do-file twice.
    """
    if not command:
        return None
    wanted = " ".join(command.split())
    lines = [" ".join(line.split()) for line in do_text.splitlines()]
    exact = [number for number, line in enumerate(lines, 1) if line == wanted]
    if exact:
        return exact[-1] if len(exact) == 1 else None
    head = [
        number for number, line in enumerate(lines, 1) if line.endswith("///") and wanted.startswith(line[:-3].strip())
    ]
    return head[0] if len(head) == 1 else None
