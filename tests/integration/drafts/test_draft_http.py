"""The draft over HTTP: pending, made, patched, renewed; edits are never lost."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from litestar import Litestar

from ssd.app import Services, build_app
from ssd.settings import Settings

WAGES = b"wage,educ,exper,female\n" + b"".join(
    f"{3 + (i * 37 % 101) / 7:.3f},{8 + i % 9},{i % 31},{i % 2}\n".encode() for i in range(60)
)
WITHOUT_EXPER = b"wage,educ,experience_years,female\n" + WAGES.split(b"\n", 1)[1]


async def upload(client: httpx.AsyncClient, job: Any, content: bytes) -> None:
    files = {"file": ("data.csv", content)}
    response = await client.post(job.path("/inputs/upload"), headers=job.headers, files=files)
    assert response.status_code == 200, response.text


async def preview(client: httpx.AsyncClient, job: Any) -> httpx.Response:
    return await client.get(job.path("/draft/preview"), headers=job.headers)


async def renew(client: httpx.AsyncClient, job: Any, requirement: str) -> httpx.Response:
    return await client.post(job.path("/draft/preview"), headers=job.headers, json={"requirement": requirement})


async def patch(client: httpx.AsyncClient, job: Any, **updates: Any) -> httpx.Response:
    return await client.post(job.path("/draft/patch"), headers=job.headers, json={"field_updates": updates})


async def test_without_inputs_the_draft_is_pending(client: httpx.AsyncClient, job: Any) -> None:
    response = await preview(client, job)
    assert response.status_code == 202
    assert response.json() == {"status": "pending", "message": "pending_inputs_upload", "retry_after_seconds": 5}
    assert (await client.get(job.path(), headers=job.headers)).json()["status"] == "created"


async def test_the_first_draft_makes_the_job_ready(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    response = await preview(client, job)
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["job_id"], body["draft_source"]) == ("ready", job.job_id, "rule")
    assert body["stage1_questions"][0]["question_id"] == "analysis_goal"
    shown = (await client.get(job.path(), headers=job.headers)).json()
    assert shown["status"] == "draft_ready"
    assert shown["draft"]["text_chars"] == len(body["draft_text"])


async def test_reading_twice_changes_nothing(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    first = await preview(client, job)
    version = (await client.get(job.path(), headers=job.headers)).json()["version"]
    second = await preview(client, job)
    assert second.json() == first.json()
    assert (await client.get(job.path(), headers=job.headers)).json()["version"] == version


async def test_a_new_requirement_makes_a_new_draft(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    first = (await renew(client, job, "Effect of educ on wage")).json()
    second = (await renew(client, job, "比较男女之间的wage差异")).json()
    assert (first["design"], second["design"]) == ("ols", "test")
    assert second["draft_id"] != first["draft_id"]
    assert second["language"] == "zh"
    assert "我们的理解" in second["draft_text"]


async def test_a_requirement_is_kept_while_there_are_no_inputs(client: httpx.AsyncClient, job: Any) -> None:
    assert (await renew(client, job, "Effect of educ on wage")).status_code == 202
    await upload(client, job, WAGES)
    assert (await preview(client, job)).json()["treatment_var"] == "educ"


async def test_a_patch_is_laid_over_and_survives_everything(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    await renew(client, job, "Effect of educ on wage")
    patched = await patch(client, job, controls=["exper", "female"], design="ols")
    assert patched.status_code == 200
    assert patched.json()["patched_fields"] == ["controls", "design"]
    assert patched.json()["draft_preview"]["controls"] == ["exper", "female"]
    assert (await preview(client, job)).json()["controls"] == ["exper", "female"]
    renewed = (await renew(client, job, "How does educ influence wage, please?")).json()
    assert renewed["controls"] == ["exper", "female"]
    await upload(client, job, WAGES + b"9.1,12,3,1\n")
    assert (await preview(client, job)).json()["controls"] == ["exper", "female"]


async def test_an_edit_whose_column_is_gone_becomes_a_question(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    await renew(client, job, "Effect of educ on wage")
    await patch(client, job, treatment_var="exper", controls=["female", "educ"])
    await upload(client, job, WITHOUT_EXPER)
    draft = (await preview(client, job)).json()
    question = next(item for item in draft["open_unknowns"] if item["field"] == "treatment_var")
    assert question["blocking"] is True
    assert "exper" in question["description"]
    assert question["candidates"][0] == "experience_years"
    assert draft["controls"] == ["female", "educ"]
    freeze = await client.post(job.path("/plan/freeze"), headers=job.headers, json={})
    assert "open_unknowns.treatment_var" in freeze.json()["missing_fields"]
    await upload(client, job, WAGES)
    assert (await preview(client, job)).json()["treatment_var"] == "exper"


async def test_a_column_moves_from_the_part_the_planner_gave_it(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    await renew(client, job, "Effect of educ on wage controlling for exper")
    draft = (await patch(client, job, treatment_var="exper")).json()["draft_preview"]
    assert draft["treatment_var"] == "exper"
    assert draft["controls"] == []


@pytest.mark.parametrize(
    ("updates", "code", "fields"),
    [
        (
            {"nosuch": 1, "draft_text": "x"},
            "INPUT_VALIDATION_FAILED",
            ["field_updates.nosuch", "field_updates.draft_text"],
        ),
        ({"controls": "exper"}, "INPUT_VALIDATION_FAILED", ["field_updates.controls"]),
        ({"design": "magic"}, "INPUT_VALIDATION_FAILED", ["field_updates.design"]),
        ({"selected_template_id": "no.such"}, "INPUT_VALIDATION_FAILED", ["field_updates.selected_template_id"]),
        (
            {"outcome_var": "wag", "controls": ["expr"]},
            "CONTRACT_COLUMN_NOT_FOUND",
            ["field_updates.outcome_var", "field_updates.controls"],
        ),
    ],
)
async def test_every_bad_field_of_a_patch_is_named(
    client: httpx.AsyncClient, job: Any, updates: dict[str, Any], code: str, fields: list[str]
) -> None:
    await upload(client, job, WAGES)
    before = (await preview(client, job)).json()
    response = await patch(client, job, **updates)
    assert (response.status_code, response.json()["error_code"]) == (400, code)
    assert [error["field"] for error in response.json()["errors"]] == fields
    assert (await preview(client, job)).json() == before


async def test_headers_and_other_letter_cases_are_understood(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, b"Hourly Wage,EDUC\n1.5,8\n2.5,9\n4,10\n")
    response = await patch(client, job, outcome_var="Hourly Wage", treatment_var="educ")
    draft = response.json()["draft_preview"]
    assert draft["treatment_var"] == "EDUC"
    assert draft["outcome_var"] in {item["name"] for item in draft["variable_types"]}


async def test_a_chosen_template_is_the_selected_one(client: httpx.AsyncClient, job: Any) -> None:
    await upload(client, job, WAGES)
    await renew(client, job, "Effect of educ on wage")
    draft = (await patch(client, job, selected_template_id="descriptive.correlation")).json()["draft_preview"]
    assert draft["selected_template"]["template_id"] == "descriptive.correlation"
    plan = await client.post(job.path("/plan/freeze"), headers=job.headers, json={})
    assert plan.json()["plan"]["selection"]["template_id"] == "descriptive.correlation"


async def test_patches_need_inputs(client: httpx.AsyncClient, job: Any) -> None:
    response = await patch(client, job, outcome_var="wage")
    assert (response.status_code, response.json()["error_code"]) == (409, "INPUTS_MISSING")


async def test_a_restart_keeps_draft_edits_and_plan(settings: Settings) -> None:
    async def serve(app: Litestar, act: Any) -> Any:
        async with app.lifespan():
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://ssd.test") as client:
                return await act(client, app.state.services)

    async def before(client: httpx.AsyncClient, services: Services) -> tuple[Any, str, dict[str, str], Any]:
        issued = await services.task_codes.issue(tenant_id="default", count=1, expires_in_days=1, actor="test")
        body = {"task_code": issued[0].task_code, "requirement": "Effect of educ on wage"}
        redeemed = (await client.post("/v1/task-codes/redeem", json=body)).json()
        headers = {"Authorization": f"Bearer {redeemed['token']}"}
        root = f"/v1/jobs/{redeemed['job_id']}"
        await client.post(f"{root}/inputs/upload", headers=headers, files={"file": ("data.csv", WAGES)})
        await client.post(f"{root}/draft/patch", headers=headers, json={"field_updates": {"controls": ["female"]}})
        plan = (await client.post(f"{root}/plan/freeze", headers=headers, json={})).json()
        draft = (await client.get(f"{root}/draft/preview", headers=headers)).json()
        return draft, root, headers, plan

    draft, root, headers, plan = await serve(build_app(settings), before)

    async def after(client: httpx.AsyncClient, _: Services) -> tuple[Any, Any, Any]:
        return (
            (await client.get(f"{root}/draft/preview", headers=headers)).json(),
            (await client.get(f"{root}/plan", headers=headers)).json(),
            (await client.post(f"{root}/plan/freeze", headers=headers, json={})).json(),
        )

    assert await serve(build_app(settings), after) == (draft, plan, plan)
    assert draft["controls"] == ["female"]
