"""`set` values: defaults, what each accepts, and what this engine refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Setting:
    """One `set` name. `choices` empty: any text; `kind` integer or real: a number in [low, high]."""

    name: str
    default: str
    minimum: int
    choices: tuple[str, ...] = ()
    kind: str = "text"
    low: float = 0.0
    high: float = 1e18
    fixed: bool = False
    """Only the default is accepted; any other value is refused because it would change nothing."""


ON_OFF: Final = ("on", "off")

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("more", "off", 2, ON_OFF),
    Setting("linesize", "80", 2, kind="integer", low=40, high=255),
    Setting("level", "95", 2, kind="real", low=10, high=99.99),
    Setting("type", "float", 2, ("byte", "int", "long", "float", "double")),
    Setting("varabbrev", "on", 4, ON_OFF),
    Setting("matsize", "11000", 3, kind="integer", low=10, high=65534),
    Setting("maxvar", "120000", 4, kind="integer", low=2048, high=120000),
    Setting("scheme", "stcolor", 6),
    Setting("graphics", "off", 2, ON_OFF),
    Setting("rmsg", "off", 2, ON_OFF, fixed=True),
    Setting("trace", "off", 2, ON_OFF, fixed=True),
    Setting("tracedepth", "32000", 6, kind="integer"),
    Setting("output", "proc", 1, ("proc", "inform", "error")),
    Setting("dp", "period", 2, ("period", "comma"), fixed=True),
    Setting("pagesize", "23", 2, kind="integer"),
    Setting("maxiter", "300", 4, kind="integer", low=0, high=16000),
    Setting("cformat", "", 2),
    Setting("pformat", "", 2),
    Setting("sformat", "", 2),
    Setting("showbaselevels", "off", 8, ("on", "off", "all")),
    Setting("showemptycells", "on", 8, ON_OFF),
    Setting("showomitted", "on", 8, ON_OFF),
    Setting("fvlabel", "on", 3, ON_OFF),
    Setting("fvwrap", "1", 3, kind="integer"),
    Setting("emptycells", "keep", 5, ("keep", "drop")),
    Setting("lstretch", "on", 4, ON_OFF),
    Setting("logtype", "text", 3, ("text", "smcl")),
    Setting("rng", "mt64", 3, ("mt64", "default"), fixed=True),
    Setting("sortseed", "", 5),
    Setting("niceness", "5", 3, kind="integer"),
    Setting("min_memory", "0", 5),
    Setting("max_memory", ".", 5),
    Setting("segmentsize", "32m", 3),
    Setting("processors", "1", 3, kind="integer"),
    Setting("charset", "latin1", 4),
    Setting("locale_functions", "default", 9),
    Setting("locale_ui", "default", 9),
    Setting("adosize", "1000", 4, kind="integer"),
    Setting("searchdefault", "all", 7),
    Setting("timeout1", "30", 8, kind="integer"),
    Setting("timeout2", "180", 8, kind="integer"),
    Setting("httpproxy", "off", 5, ("off",), fixed=True),
    Setting("conren", "", 3),
    Setting("include_bitmap", "on", 8, ON_OFF),
    Setting("printcolor", "automatic", 6),
    Setting("copycolor", "automatic", 5),
    Setting("iterlog", "on", 4, ON_OFF),
    Setting("dtascomplete", "off", 4, ON_OFF),
    Setting("coeftabresults", "on", 5, ON_OFF),
    Setting("clevel", "95", 3, kind="real", low=10, high=99.99),
    Setting("collect_warn", "on", 8, ON_OFF),
    Setting("frames", "", 6),
    Setting("reventries", "5000", 3, kind="integer"),
    Setting("scrollbufsize", "200000", 3, kind="integer"),
    Setting("doublebuffer", "on", 3, ON_OFF),
    Setting("autotabgraphs", "off", 4, ON_OFF),
    Setting("varkeyboard", "on", 4, ON_OFF),
    Setting("smoothfonts", "on", 3, ON_OFF),
    Setting("update_query", "off", 6, ON_OFF),
    Setting("checksum", "off", 5, ON_OFF, fixed=True),
    Setting("odbcmgr", "unixodbc", 4),
    Setting("notifyuser", "off", 4, ON_OFF),
    Setting("haverdir", "", 3),
)


def default_settings() -> dict[str, str]:
    """The value of every setting at the start of a session."""
    return {setting.name: setting.default for setting in SETTINGS}


def find_setting(word: str) -> Setting | None:
    """The setting a word names or abbreviates."""
    for setting in SETTINGS:
        if setting.name == word:
            return setting
    for setting in SETTINGS:
        if len(word) >= setting.minimum and setting.name.startswith(word):
            return setting
    return None
