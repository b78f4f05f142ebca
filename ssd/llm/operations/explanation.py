"""`explanation`: the results of a run in words, each number cited from a result file."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data
from ssd.llm.operations.numbers import Citation, ResultFact, citation_problems, text_problems

OPERATION: Final = "explanation"
SCHEMA_VERSION: Final = "explanation.1"

_TASK: Final = """
You explain results of a statistical analysis to the researcher who asked for it, in the language of `question`.
`question` holds the researcher's words, `analysis` what was estimated, `results` every number you may use: its metric
(model.term.column, or model.key), its value, and the file it stands in.
- text: 100 to 500 characters, plain and careful; say what the numbers mean for the question, and how certain they are.
- Every number in the text must be the value of a citation, rounded at most. Write numbers in digits. Use no other
  number: no thresholds, no levels such as those of an interval, no numbers you calculated.
- citations: metric, value and source_file exactly as listed in `results`. If the results cannot answer the question,
  say so, and cite what you mention.
""".strip()


class ExplanationAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=100, max_length=500)]
    citations: Annotated[list[Citation], msgspec.Meta(min_length=1, max_length=20)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]


def request(
    *,
    scope: Scope,
    request_id: str,
    job_id: str,
    question: str,
    analysis: dict[str, Any],
    results: list[ResultFact],
    max_cost_cents: float | None,
) -> LlmRequest[ExplanationAnswer]:
    return LlmRequest(
        operation=OPERATION,
        request_id=request_id,
        scope=scope,
        schema=ExplanationAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "question": words_as_data(question, 2000),
            "analysis": as_data(analysis),
            "results": as_data(results),
        },
        cache_fields=("question", "analysis", "results"),
        check=lambda answer: problems(answer, results),
        job_id=job_id,
        max_cost_cents=max_cost_cents,
    )


def problems(answer: ExplanationAnswer, results: list[ResultFact]) -> list[str]:
    """Citations that differ from the file, numbers without a citation, hidden characters."""
    found = citation_problems(answer.citations, results)
    found += text_problems(answer.text, [item.value for item in answer.citations])
    if hidden_characters(answer.text):
        found.append("text: control characters are not allowed.")
    return found
