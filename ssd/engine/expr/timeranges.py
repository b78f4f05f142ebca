"""tin() and twithin(): their arguments are dates in the format of the time variable, not expressions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError

if TYPE_CHECKING:
    from ssd.engine.session import Session

_RANGE: Final = re.compile(r"(?<![\w.])(tin|twithin)\(\s*([^(),]*?)\s*,\s*([^(),]*?)\s*\)")


def with_time_ranges(text: str, session: Session) -> str:
    """The expression with each tin() and twithin() written out as comparisons of the time variable.

    Raises r(111) when no time variable is set.
    """
    if "tin(" not in text and "twithin(" not in text:
        return text
    return _RANGE.sub(lambda match: _comparison(match, session), text)


def _comparison(match: re.Match[str], session: Session) -> str:
    name = require_time(session.data).time
    strict = "=" if match[1] == "tin" else ""
    fmt = session.data.variables[name].format
    found = re.match(r"%-?(?:t([a-zA-Z])|(d))", fmt)
    unit = (found[1] or found[2]) if found else ""

    def moment(typed: str) -> str:
        if unit in ("", "y", "g"):
            return typed
        return f"t{unit}({typed})"

    conditions = [f"{name}<."]
    for typed, sign in ((match[2], ">"), (match[3], "<")):
        if typed:
            if not re.fullmatch(r"[\w:. -]+", typed):
                raise StataError(198, f"{match[1]}() incorrectly specified")
            conditions.append(f"{name}{sign}{strict}{moment(typed)}")
    return "(" + " & ".join(conditions) + ")"
