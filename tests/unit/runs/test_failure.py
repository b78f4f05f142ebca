"""The three witnesses must agree; each kind of disagreement has its own code."""

from __future__ import annotations

from typing import Any

import pytest

from ssd.runs.failure import Evidence, failure
from ssd.runs.log_judge import Ending, FailLine, Verdict
from ssd.runs.outputs import Unmet


def evidence(**changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "verdict": Verdict(Ending.COMPLETE), "sentinel": True, "unmet": [], "exit_code": 0, "timed_out": False,
        "timeout_seconds": 60.0, "stderr": "", "fail": None, "line": None,
    }  # fmt: skip
    return Evidence(**{**values, **changes})


def test_all_three_witnesses_agree_on_success() -> None:
    assert failure(evidence()) is None


@pytest.mark.parametrize(
    ("changes", "code", "retryable"),
    [
        ({"timed_out": True}, "STATA_TIMEOUT", False),
        ({"sentinel": False}, "STATA_LOG_INCOMPLETE", True),
        ({"unmet": [Unmet("tidy.csv", "it was not written", [])]}, "OUTPUTS_CONTRACT_UNMET", False),
        ({"verdict": Verdict(Ending.ERROR, 111)}, "STATA_RETURN_CODE", False),
        ({"verdict": Verdict(Ending.ERROR, 950)}, "STATA_OUT_OF_MEMORY", False),
        ({"verdict": Verdict(Ending.LICENCE)}, "STATA_LICENSE", False),
        ({"verdict": Verdict(Ending.BREAK, 1)}, "STATA_KILLED", True),
        ({"verdict": Verdict(Ending.INCOMPLETE), "exit_code": -9}, "STATA_KILLED", True),
        ({"verdict": Verdict(Ending.INCOMPLETE), "exit_code": 143}, "STATA_KILLED", True),
        ({"verdict": Verdict(Ending.INCOMPLETE), "exit_code": -25}, "STATA_KILLED", False),
        ({"verdict": Verdict(Ending.INCOMPLETE), "stderr": "OSError: File too large"}, "STATA_KILLED", False),
        ({"verdict": Verdict(Ending.INCOMPLETE), "stderr": "MemoryError"}, "STATA_OUT_OF_MEMORY", False),
        ({"verdict": Verdict(Ending.INCOMPLETE), "disk_full": True}, "STORAGE_FULL", True),
        ({"verdict": Verdict(Ending.ERROR, 603), "disk_full": True}, "STORAGE_FULL", True),
        ({"verdict": Verdict(Ending.INCOMPLETE)}, "STATA_LOG_INCOMPLETE", True),
        ({"verdict": Verdict(Ending.ABSENT), "exit_code": 127}, "STATA_SUBPROCESS_FAILED", True),
    ],
)
def test_a_failure_has_its_code(changes: dict[str, Any], code: str, retryable: bool) -> None:
    error = failure(evidence(**changes))
    assert error is not None
    assert (error.error_code, error.retryable) == (code, retryable)
    assert error.message
    assert error.hint


def test_a_template_s_own_refusal_speaks_to_the_researcher() -> None:
    verdict = Verdict(Ending.ERROR, 459, "SSD|fail|…", "ssd_fail")
    error = failure(
        evidence(verdict=verdict, fail=FailLine("one_cluster", "state", "there is only one cluster"), line=12)
    )
    assert error is not None
    assert error.message == "there is only one cluster (state)"
    assert error.details == {"check": "one_cluster", "variable": "state"}
    assert error.stata is not None
    assert (error.stata.rc, error.stata.line) == (459, 12)
