"""Stata's return codes as exceptions."""

from __future__ import annotations


class StataError(Exception):
    """A command failed with a Stata return code.

    `rc` is Stata's code and is never 0; `message` is the text printed before `r(rc);`. It may hold
    several lines and may be empty (as for `exit 459`, where the program printed its own message).
    `reported` is set once the message is in the log.
    """

    reported: bool = False

    def __init__(self, rc: int, message: str = "") -> None:
        super().__init__(message or f"r({rc})")
        self.rc = rc
        self.message = message


def variable_not_found(name: str) -> StataError:
    """A varlist names a variable the data do not have."""
    return StataError(111, f"variable {name} not found")


def name_not_found(name: str) -> StataError:
    """An expression names something that is no variable, scalar or function."""
    return StataError(111, f"{name} not found")


def already_defined(name: str) -> StataError:
    return StataError(110, f"variable {name} already defined")


def ambiguous_abbreviation(name: str) -> StataError:
    return StataError(111, f"{name} ambiguous abbreviation")


def invalid_syntax(detail: str = "invalid syntax") -> StataError:
    return StataError(198, detail)


def option_not_allowed(option: str) -> StataError:
    return StataError(198, f"option {option} not allowed")


def unrecognized_command(name: str) -> StataError:
    return StataError(199, f"command {name} is unrecognized")


def type_mismatch() -> StataError:
    return StataError(109, "type mismatch")


def no_observations() -> StataError:
    return StataError(2000, "no observations")


def insufficient_observations() -> StataError:
    return StataError(2001, "insufficient observations")


def unsupported(feature: str) -> StataError:
    """A feature that Stata has and this engine refuses rather than ignores."""
    return StataError(198, f"{feature} not supported by this engine")
