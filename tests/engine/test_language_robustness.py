"""No text makes the engine fail in Python: every line runs or ends in a return code."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd.engine.cli import new_session
from ssd.engine.errors import StataError
from ssd.engine.lang.scan import unsupported_in

_VOCABULARY = """
    display local global if else { } ( ) [ ] " `" "' ` ' $ ${ } = == + - * / , : ; by bysort
    id x y 变量 1 2.5 .a in using [fw=x] quietly capture noisily foreach forvalues while of
    varlist i = 1/3 program end define /// // /* */ * ## i.x syntax args return list scalar
    matrix generate replace summarize regress , detail robust _n _N r(N) e(b) c(pi) : word
    count list sizeof tempvar tokenize gettoken confirm assert file open write log set seed
    exit error version macval( )
"""
_WORDS = st.sampled_from(_VOCABULARY.split())
_LINE = st.lists(_WORDS, max_size=9).map(" ".join)


def run_text(text: str, folder: Path) -> str:
    stream = io.StringIO()
    session = new_session(folder, stream)
    path = folder / "fuzz.do"
    path.write_text("set obs 3\ngenerate x = _n\ngenerate id = 1\n" + text, encoding="utf-8")
    try:
        session.interpreter.run_file(path, "", [], echoed=True)
    except StataError as error:
        assert error.rc != 9999, error.message
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_LINE, max_size=5))
def test_random_lines_end_in_a_return_code(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = run_text("\n".join(lines) + "\n", Path(folder))
        assert not list(Path(folder).glob("engine-fault-*")), log
        assert "Traceback" not in log


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_scanned(text: str) -> None:
    try:
        unsupported_in(text)
    except StataError as error:
        assert error.rc in (100, 132, 198, 199, 612)
