"""Names that the diagnostics of estat had before version 9, still common in do-files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = "[anything] [, *]"


def _as_estat(session: Session, line: Line, subcommand: str) -> None:
    session.run(f"estat {subcommand} {line.text}".rstrip())


@command("vif", _GRAMMAR, stored="as estat vif")
def vif(session: Session, line: Line) -> None:
    """Variance inflation factors: the earlier name of estat vif."""
    _as_estat(session, line, "vif")


@command("hettest", _GRAMMAR, stored="as estat hettest")
def hettest(session: Session, line: Line) -> None:
    """Breusch–Pagan test: the earlier name of estat hettest."""
    _as_estat(session, line, "hettest")


@command("ovtest", _GRAMMAR, stored="as estat ovtest")
def ovtest(session: Session, line: Line) -> None:
    """Ramsey's RESET: the earlier name of estat ovtest."""
    _as_estat(session, line, "ovtest")


@command("imtest", _GRAMMAR, stored="as estat imtest")
def imtest(session: Session, line: Line) -> None:
    """Information matrix test: the earlier name of estat imtest."""
    _as_estat(session, line, "imtest")


@command("whitetst", "", stored="as estat imtest, white")
def whitetst(session: Session, line: Line) -> None:
    """White's test: the user-written name of estat imtest, white."""
    session.run("estat imtest, white")


@command("bgodfrey", _GRAMMAR, stored="as estat bgodfrey")
def bgodfrey(session: Session, line: Line) -> None:
    """Breusch–Godfrey test: the earlier name of estat bgodfrey."""
    _as_estat(session, line, "bgodfrey")


@command("dwstat", _GRAMMAR, stored="as estat dwatson")
def dwstat(session: Session, line: Line) -> None:
    """Durbin–Watson statistic: the earlier name of estat dwatson."""
    _as_estat(session, line, "dwatson")
