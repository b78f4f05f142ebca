"""The do-files of a plan as one text, and its hash."""

from __future__ import annotations

import hashlib

from ssd.plans.models import PlanStep

_RULE = "*" + "=" * 78


def joined(steps: list[PlanStep], do_files: dict[str, str]) -> str:
    """All do-files in order, each under a heading; one step stands alone as it runs."""
    if len(steps) == 1:
        return do_files[steps[0].step_id]
    parts = []
    for position, step in enumerate(steps, 1):
        text = do_files[step.step_id]
        title = f"* Step {position} of {len(steps)}: {step.step_id} ({step.template_id} {step.template_version})"
        heading = f"{_RULE}\n{title}\n{_RULE}\n"
        parts.append(heading + text + ("" if text.endswith("\n") else "\n"))
    return "\n".join(parts)


def do_sha256(steps: list[PlanStep], do_files: dict[str, str]) -> str:
    return hashlib.sha256(joined(steps, do_files).encode()).hexdigest()
