"""Real sessions for tests of the engine."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from ssd.engine.cli import new_session
from ssd.engine.errors import StataError
from ssd.engine.session import Session

Run = Callable[..., tuple[Session, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(do_text, folder=None) -> (session, log)`: a do-file in a fresh session, as in batch mode.

    A failing do-file does not raise: its return code is `session.state["rc"]`, its message is in the log.
    """

    def run_do_text(text: str, folder: Path | None = None) -> tuple[Session, str]:
        stream = io.StringIO()
        session = new_session(folder or tmp_path, stream)
        path = tmp_path / "test.do"
        path.write_text(text, encoding="utf-8")
        try:
            session.interpreter.run_file(path, "", [], echoed=True)
            session.state["rc"] = 0
        except StataError as error:
            session.state["rc"] = error.rc
        return session, stream.getvalue()

    return run_do_text
