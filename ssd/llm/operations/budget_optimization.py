"""`budget_optimization`: the words for an optimum that was computed; the model changes no number of it."""

from __future__ import annotations

from typing import Any, Final

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.explanation import ExplanationAnswer, problems
from ssd.llm.operations.framing import as_data, instructions, words_as_data
from ssd.llm.operations.numbers import ResultFact

OPERATION: Final = "budget_optimization"
SCHEMA_VERSION: Final = "budget_optimization.1"

_TASK: Final = """
You explain to a researcher how a budget was divided over channels. The division was computed from fitted response
curves; you neither compute nor change it. `goal` says what was sought, `question` holds the researcher's words,
`results` every number you may use: its metric, its value, and the file it stands in.
- text: 100 to 500 characters, in the language of `question`; which channels get more or less, why the curves lead
  there, and how far the fit can be trusted.
- Every number in the text must be the value of a citation, rounded at most. Write numbers in digits.
  Use no other number.
- citations: metric, value and source_file exactly as listed in `results`.
""".strip()


def request(
    *,
    scope: Scope,
    request_id: str,
    job_id: str,
    question: str,
    goal: dict[str, Any],
    results: list[ResultFact],
    max_cost_cents: float | None,
) -> LlmRequest[ExplanationAnswer]:
    """`results` are the numbers of the computed optimum."""
    return LlmRequest(
        operation=OPERATION,
        request_id=request_id,
        scope=scope,
        schema=ExplanationAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={"question": words_as_data(question, 2000), "goal": as_data(goal), "results": as_data(results)},
        cache_fields=("question", "goal", "results"),
        check=lambda answer: problems(answer, results),
        job_id=job_id,
        max_cost_cents=max_cost_cents,
    )
