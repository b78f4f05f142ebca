"""From three witnesses to one answer: did the step succeed, and if not, why, in words and as a code."""

from __future__ import annotations

import signal
from typing import Any, Final

import msgspec

from ssd.errors import CATALOGUE
from ssd.jobs.models import JobError, StataFailure
from ssd.runs.log_judge import Ending, FailLine, Verdict
from ssd.runs.outputs import Unmet

MEANINGS: Final[dict[int, str]] = {
    1: "Stata was interrupted",
    2: "the connection to Stata was lost",
    4: "the data in memory would have been lost",
    5: "the data are not sorted as needed",
    9: "an assertion is false",
    100: "a variable list was expected",
    101: "something is not allowed here",
    102: "too few variables were given",
    103: "too many variables were given",
    109: "text and numbers were mixed",
    110: "a name is already in use",
    111: "a variable or name does not exist",
    119: "a statement is out of context",
    132: "quotes or parentheses do not match",
    133: "a function does not exist",
    134: "a variable has too many values",
    198: "the syntax is not valid",
    199: "a command does not exist",
    301: "there are no estimation results",
    322: "the last estimates do not allow this",
    402: "a weight is negative",
    407: "a weight is not valid",
    412: "the constraints contradict the data",
    430: "the estimation did not converge",
    450: "a variable does not take the values needed",
    451: "the panel or time variable is not valid",
    459: "the data are not as the method needs them",
    460: "a group is too small",
    461: "there are too few groups",
    498: "the do-file refused the data",
    499: "the do-file refused the data",
    504: "a matrix has missing values",
    506: "a matrix is not positive definite",
    601: "a file was not found",
    602: "a file exists already",
    603: "a file cannot be opened",
    610: "the file is not a Stata dataset",
    900: "there is no room for more variables",
    901: "there is no room for more observations",
    909: "the system refused more memory",
    950: "the system refused more memory",
    1000: "a limit of Stata was reached",
    2000: "there are no observations",
    2001: "there are too few observations",
    9999: "the embedded engine has a fault",
}
"""What Stata's return codes mean, in our words (Stata Programming manual, "error")."""

_OUT_OF_MEMORY: Final = frozenset({909, 950})
SELF_HEALING: Final = frozenset({"STATA_KILLED", "STATA_SUBPROCESS_FAILED", "INTERRUPTED", "STORAGE_FULL"})
"""Causes that can pass by themselves: only these are tried again without being asked."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a child has ended."""

    verdict: Verdict
    sentinel: bool
    """The do-file wrote its last file."""
    unmet: list[Unmet]
    exit_code: int | None
    timed_out: bool
    timeout_seconds: float
    stderr: str
    fail: FailLine | None
    line: int | None
    """Line of the do-file where the failing command stands, when it can be told."""
    disk_full: bool = False


def failure(evidence: Evidence) -> JobError | None:
    """None when log, sentinel and outputs agree that the step succeeded; else the reason."""
    verdict = evidence.verdict
    if evidence.timed_out:
        return _error("STATA_TIMEOUT", f"The run was stopped after {evidence.timeout_seconds:g} seconds.")
    match verdict.ending:
        case Ending.LICENCE:
            return _error("STATA_LICENSE", verdict.message)
        case Ending.ABSENT | Ending.INCOMPLETE:
            return _unfinished(evidence)
        case Ending.BREAK:
            return _error("STATA_KILLED", "Stata was interrupted.", stata=_stata(evidence))
        case Ending.ERROR:
            return _returned(evidence)
        case Ending.COMPLETE:
            return _completed(evidence)


def _unfinished(evidence: Evidence) -> JobError:
    code = evidence.exit_code
    if evidence.disk_full:
        return _error("STORAGE_FULL", "The disk filled up while Stata was running.")
    if code is not None and (code < 0 or code in (137, 143)):
        number = -code if code < 0 else code - 128
        if number == signal.SIGXFSZ:
            return _file_too_large()
        return _error("STATA_KILLED", f"Stata was ended from outside by {signal.Signals(number).name}.")
    if "File too large" in evidence.stderr:
        return _file_too_large()
    if "MemoryError" in evidence.stderr or "std::bad_alloc" in evidence.stderr:
        return _error("STATA_OUT_OF_MEMORY", None)
    if evidence.verdict.ending is Ending.ABSENT:
        last = evidence.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return _error(
            "STATA_SUBPROCESS_FAILED",
            f"Stata ended with exit code {code} and wrote no log; its last words: {last[0][:300]}.",
            details={"exit_code": code, "stderr": evidence.stderr[-2000:]},
        )
    return _error("STATA_LOG_INCOMPLETE", f"Stata ended with exit code {code} in the middle of the do-file.")


def _file_too_large() -> JobError:
    return _error("STATA_KILLED", "Stata wrote a larger file than it may.", retryable=False)


def _returned(evidence: Evidence) -> JobError:
    rc = evidence.verdict.rc or 0
    stata = _stata(evidence)
    if rc in _OUT_OF_MEMORY:
        return _error("STATA_OUT_OF_MEMORY", None, stata=stata)
    if evidence.disk_full or (rc in (603, 693) and "full" in (stata.message or "")):
        return _error("STORAGE_FULL", "The disk filled up while Stata was running.", stata=stata)
    if evidence.fail is not None:
        fail = evidence.fail
        about = f" ({fail.variable})" if fail.variable else ""
        return _error(
            "STATA_RETURN_CODE",
            f"{fail.message}{about}",
            stata=stata,
            details={"check": fail.code, "variable": fail.variable or None},
        )
    meaning = MEANINGS.get(rc)
    said = (stata.message or "").splitlines()[-1:] or [""]
    words = f"Stata stopped with r({rc})" + (f": {meaning}" if meaning else "")
    return _error("STATA_RETURN_CODE", f"{words}. {said[0]}".strip(), stata=stata)


def _completed(evidence: Evidence) -> JobError | None:
    if not evidence.sentinel:
        return _error("STATA_LOG_INCOMPLETE", "The do-file ended before its last command.")
    if evidence.unmet:
        names = "; ".join(
            f"{item.file}: {item.reason}" + (f" (near: {', '.join(item.near_misses)})" if item.near_misses else "")
            for item in evidence.unmet
        )
        return _error(
            "OUTPUTS_CONTRACT_UNMET",
            f"Promised outputs are missing or broken: {names}.",
            details={"unmet": [msgspec.structs.asdict(item) for item in evidence.unmet]},
        )
    return None


def _stata(evidence: Evidence) -> StataFailure:
    verdict = evidence.verdict
    return StataFailure(rc=verdict.rc, command=verdict.command, line=evidence.line, message=verdict.message)


def _error(
    code: str,
    message: str | None,
    *,
    stata: StataFailure | None = None,
    details: dict[str, Any] | None = None,
    retryable: bool | None = None,
) -> JobError:
    kind = CATALOGUE[code]
    return JobError(
        error_code=code,
        message=message or kind.title,
        retryable=kind.retryable if retryable is None else retryable,
        hint=kind.hint,
        stata=stata,
        details=details,
    )


def job_error(code: str, message: str | None = None) -> JobError:
    """A failure that Stata had no part in, such as a cancel or a restart."""
    return _error(code, message)
