"""Values of c() that belong to the language: version, random-number state, paths."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from ssd.engine import NAME, VERSION

if TYPE_CHECKING:
    from ssd.engine.session import Session


def session_value(session: Session, name: str) -> float | str | None:
    """The value of c(name), or None when the name is not one of these."""
    from ssd.engine.lang.programs import LANGUAGE_VERSION, ado_path

    call = session.calls[-1] if session.calls else None
    if name in ("version", "userversion"):
        return float(call.version) if call is not None and call.version else LANGUAGE_VERSION
    if name == "stata_version":
        return LANGUAGE_VERSION
    if name in ("rngstate", "seed"):
        return session.rng.state_text()
    if name == "rngseed_mt64s":
        return float(session.rng.seeded)
    if name in ("rng", "rng_current"):
        return "mt64"
    if name == "engine":
        return f"{NAME} {VERSION}"
    if name == "tmpdir":
        return os.environ.get("STATATMP") or tempfile.gettempdir()
    if name == "adopath":
        return ";".join(str(folder) for folder in ado_path(session))
    if name == "username":
        return os.environ.get("USER", "")
    if name == "frame":
        return str(session.state.get("frame", "default"))
    if name == "noisily":
        return float(session.log.silenced == 0)
    if name.startswith("sysdir_"):
        return f"{session.root}{os.sep}"
    return None
