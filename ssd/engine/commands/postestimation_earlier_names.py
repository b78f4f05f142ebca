"""Names that the diagnostics of estat had before version 9, still common in do-files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_colon, split_comma

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = "[anything] [, *]"
_STEPWISE = {"pr": 2, "pe": 2, "forward": 4, "hierarchical": 4, "lockterm1": 4, "lr": 2}
"""Options of the selection itself, with their shortest spelling."""


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


@command("lfit", _GRAMMAR, stored="as estat gof")
def lfit(session: Session, line: Line) -> None:
    """Goodness of fit of a logistic model: the earlier name of estat gof."""
    _as_estat(session, line, "gof")


@command("sw", "*", stored="as stepwise")
def sw(session: Session, line: Line) -> None:
    """Stepwise selection in the form before version 9: the options stand after the model."""
    if split_colon(line.text) is not None:
        session.run(f"stepwise {line.text}")
        return
    model, options = split_comma(line.text)
    items = read_options(options or "")
    own = [item for item in items if any(len(item.word) >= least and name.startswith(item.word)
                                         for name, least in _STEPWISE.items())]  # fmt: skip
    rest = " ".join(str(item) for item in items if item not in own)
    chosen = " ".join(str(item) for item in own)
    session.run(f"stepwise, {chosen}: {model.strip()}" + (f", {rest}" if rest else ""))


@command("ivreg", "*", stored="as ivregress 2sls, small")
def ivreg(session: Session, line: Line) -> None:
    """Two-stage least squares: the command before version 10, with t and F statistics."""
    main, options = split_comma(line.text)
    session.run(f"ivregress 2sls {main}, small {options or ''}".rstrip())
