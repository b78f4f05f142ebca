"""c(): values of the system and of the session ([P] creturn)."""

from __future__ import annotations

import math
import platform
import time
from typing import TYPE_CHECKING

from ssd.engine.data.dates import MONTHS, WEEKDAYS
from ssd.engine.lang.system import session_value

if TYPE_CHECKING:
    from ssd.engine.session import Session

_WORDS = {
    "alpha": " ".join("abcdefghijklmnopqrstuvwxyz"),
    "ALPHA": " ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "Mons": " ".join(name[:3] for name in MONTHS),
    "Months": " ".join(MONTHS),
    "Wdays": " ".join(name[:3] for name in WEEKDAYS),
    "Weekdays": " ".join(WEEKDAYS),
    "dirsep": "/",
    "os": "Unix",
    "osdtl": "",
    "mode": "batch",
    "console": "console",
    "flavor": "IC",
    "bit": "64",
    "byteorder": "lohi",
}
_NUMBERS = {
    "pi": math.pi, "MP": 0.0, "SE": 1.0, "max_k_theory": 5000.0, "max_N_theory": 2147483620.0,
    "maxbyte": 100.0, "maxint": 32740.0, "maxlong": 2147483620.0, "minbyte": -127.0, "minint": -32767.0,
    "minlong": -2147483647.0, "maxfloat": float.fromhex("0x1.fffffep126"), "epsfloat": 2.0**-23,
    "maxdouble": float.fromhex("0x1.fffffffffffffp1022"), "epsdouble": 2.0**-52, "smallestdouble": 2.0**-1022,
    "maxstrvarlen": 2045.0, "maxstrlvarlen": 2000000000.0, "namelenchar": 32.0, "stata_version": 18.0,
    "version": 18.0, "level": 95.0, "linesize": 80.0, "processors": 1.0, "maxiter": 300.0,
}  # fmt: skip


def system_value(session: Session, name: str) -> float | str:
    """The value of c(name); an unknown name is an empty string, as in Stata."""
    own = session_value(session, name)
    if own is not None:
        return own
    data = session.data
    if name == "N":
        return float(data.n_obs)
    if name == "k":
        return float(len(data.variables))
    if name == "changed":
        return float(data.changed)
    if name == "filename":
        return data.filename
    if name == "filedate":
        return data.timestamp
    if name == "width":
        return float(sum(_width(column.type) for column in data.variables.values()))
    if name == "pwd":
        return str(session.folder)
    if name == "rc":
        return float(session.rc)
    if name == "current_date":
        return time.strftime("%e %b %Y").rjust(11)
    if name == "current_time":
        return time.strftime("%H:%M:%S")
    if name == "machine_type":
        return platform.machine()
    if name in session.settings:
        setting = session.settings[name]
        try:
            return float(setting)
        except ValueError:
            return setting
    if name in _NUMBERS:
        return _NUMBERS[name]
    return _WORDS.get(name, "")


def _width(type_name: str) -> int:
    if type_name == "strL":
        return 8
    if type_name.startswith("str"):
        return int(type_name[3:])
    return {"byte": 1, "int": 2, "long": 4, "float": 4, "double": 8}[type_name]
