"""Formats asked for with the run are there after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ssd.demo.journey import Journey


def test_every_format_can_be_had_from_one_run(begin: Callable[[str], Journey], wages: Path) -> None:
    journey = begin("What is the effect of educ on lwage, controlling for exper and tenure?")
    journey.upload(wages)
    journey.draft()
    journey.freeze()
    formats = ["csv", "xlsx", "dta", "docx", "pdf", "html", "tex", "log", "do"]
    journey.http.post(f"/v1/jobs/{journey.job_id}/run", params={"output_formats": formats}).raise_for_status()
    job = journey.follow()
    assert job["status"] == "succeeded", job["error"]
    endings = {item["rel_path"].rsplit(".", 1)[1] for item in journey.artifacts(run_id=job["latest_run"]["run_id"])}
    assert set(formats) <= endings
