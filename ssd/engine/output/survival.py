"""What survival commands print alike: the declaration, the reminder before each command, the model header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ssd.engine.data.survival import SurvivalSettings
from ssd.engine.output.tables import number

if TYPE_CHECKING:
    from ssd.engine.output.log import Log

_EXCLUSIONS: Final = {
    "if": ("ignored per request (if(), etc.)", False),
    "id": ("ignored because {id} missing", False),
    "time": ("event time missing ({time}>=.)", True),
    "time0": ("entry time missing ({time0}>=.)", True),
    "order": ("entry on or after exit ({time0}>={time})", True),
    "instant": ("multiple records at same instant ({time}[_n-1]=={time})", True),
    "overlap": ("overlapping records ({time}[_n-1]>{time0})", True),
    "weight": ("weights invalid", True),
    "origin": ("observations have no origin()", False),
    "enter": ("observations have no enter()", False),
    "early": ("observations end on or before enter()", False),
    "failed": ("observations begin on or after (first) failure", False),
    "late": ("observations begin on or after exit", False),
}
"""Reason of `survival_records.AnalysisTimes` to its wording and whether it points to an error in the data."""


def exclusion_text(reason: str, many: int, settings: SurvivalSettings) -> str:
    """One line of stset's account of what was left out."""
    text, suspicious = _EXCLUSIONS[reason]
    wording = text.format(id=settings.id, time=settings.time, time0=settings.time0)
    if many == 1:
        wording = wording.replace("observations end", "observation ends").replace("observations ", "observation ")
        wording = wording.replace("observation begin ", "observation begins ")
    line = f"{number(float(many), '%11.0gc'):>11}  {wording}"
    return f"{line:<60}PROBABLE ERROR" if suspicious else line


def show_settings(log: Log, settings: SurvivalSettings) -> None:
    """stset's own account of the declaration."""
    rows = [
        ("ID variable", settings.id),
        ("Failure event", settings.event_text),
        ("Observed time interval", settings.interval_text),
        ("Enter on or after", settings.enter),
        ("Exit on or before", settings.exit or "failure"),
    ]
    if settings.origin or settings.scale != "1":
        start = "(time-origin)" if settings.origin else "time"
        rows.append(("Time for analysis", start if settings.scale == "1" else f"{start}/{settings.scale}"))
    rows.append(("Origin", settings.origin))
    rows.append(("Keep observations", f"if exp: {settings.condition}" if settings.condition else ""))
    if settings.weight_kind:
        rows.append(("Weight", f"[{settings.weight_kind}={settings.weight}]"))
    log.line()
    log.line("Survival-time data settings")
    log.line()
    for label, text in rows:
        if text:
            log.line(f"{label:>22}: {text}")


def remind(log: Log, settings: SurvivalSettings, *, hidden: bool = False) -> None:
    """The reminder of the declaration that survival commands begin with; silent after noshow."""
    if hidden or settings.show == "noshow":
        return
    rows = [
        ("Failure _d", settings.failure_text),
        ("Analysis time _t", settings.time_text),
        ("Origin", settings.origin),
        ("Enter on or after", settings.enter),
        ("Exit on or before", settings.exit),
        ("ID variable", settings.id),
    ]
    if settings.weight_kind:
        rows.append(("Weight", f"[{settings.weight_kind}={settings.weight}]"))
    shown = [(label, text) for label, text in rows if text]
    width = max(len(label) for label, _ in shown) + 2
    log.line()
    for label, text in shown:
        log.line(f"{label:>{width}}: {text}")
