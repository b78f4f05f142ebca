"""Draft to frozen plan over HTTP: real store, real preparation of real files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from ssd.app import Services

ROWS = 120
WAGES = b"wage,educ,exper,female,married,region\n" + b"".join(
    f"{3 + (i * 37 % 101) / 7:.3f},{8 + i % 9},{i % 31},{i % 2},{(i // 3) % 2},{'nsew'[i % 4]}\n".encode()
    for i in range(ROWS)
)
PANEL = "省份,年份,税负水平,经济发展水平,产业结构\n".encode() + b"".join(
    f"P{p},{2000 + t},{0.1 + (p * 13 + t * 7) % 17 / 100:.4f},"
    f"{5 + (p * 5 + t * 3) % 23 / 10:.3f},{0.3 + (p + t) % 9 / 20:.3f}\n".encode()
    for p in range(12)
    for t in range(8)
)


class Session:
    """One job and its client."""

    def __init__(self, client: httpx.AsyncClient, job: Any) -> None:
        self.client, self.job = client, job

    async def post(self, tail: str, body: Any = None) -> httpx.Response:
        return await self.client.post(self.job.path(tail), headers=self.job.headers, json=body)

    async def get(self, tail: str, **query: str) -> httpx.Response:
        return await self.client.get(self.job.path(tail), headers=self.job.headers, params=query)

    async def upload(self, content: bytes, name: str = "data.csv") -> None:
        files = {"file": (name, content)}
        response = await self.client.post(self.job.path("/inputs/upload"), headers=self.job.headers, files=files)
        assert response.status_code == 200, response.text

    async def ask(self, requirement: str) -> dict[str, Any]:
        response = await self.post("/draft/preview", {"requirement": requirement})
        assert response.status_code == 200, response.text
        return response.json()

    async def status(self) -> str:
        return (await self.get("")).json()["status"]


@pytest.fixture
def session(client: httpx.AsyncClient, job: Any) -> Session:
    return Session(client, job)


@pytest.mark.parametrize(
    ("requirement", "data", "template"),
    [
        ("Effect of educ on wage controlling for exper", WAGES, "regression.ols"),
        ("Compare wage between men and women", WAGES, "test.ttest_two_sample"),
        ("Descriptive statistics of wage and educ", WAGES, "descriptive.overview"),
        ("Correlation between wage, educ and exper", WAGES, "descriptive.correlation"),
        ("Does educ affect married? Control for exper", WAGES, "limited.logit"),
        ("税负水平对经济发展水平的影响，控制产业结构，采用双向固定效应", PANEL, "panel.fixed_effects"),
    ],
)
async def test_different_requirements_end_in_different_templates(
    session: Session, requirement: str, data: bytes, template: str
) -> None:
    await session.upload(data)
    draft = await session.ask(requirement)
    assert draft["selected_template"]["template_id"] == template
    response = await session.post("/plan/freeze", {})
    assert response.status_code == 200, response.text
    plan = response.json()["plan"]
    assert plan["selection"]["template_id"] == template
    assert await session.status() == "draft_ready"


async def test_the_plan_its_files_and_the_index_agree(session: Session, services: Services) -> None:
    await session.upload(WAGES)
    await session.ask("Effect of educ on wage controlling for exper")
    plan = (await session.post("/plan/freeze", {})).json()["plan"]
    assert (await session.get("/plan")).json() == {"job_id": session.job.job_id, "plan": plan}
    root = services.jobs.folder(session.job.job_id).root
    rows = await services.database.all(
        "SELECT rel_path, sha256, kind FROM artifacts WHERE job_id = ?", (session.job.job_id,)
    )
    kinds = {row["rel_path"]: row["kind"] for row in rows}
    assert kinds["artifacts/plan.json"] == "plan"
    assert {path for path, kind in kinds.items() if kind == "do"} == {
        f"artifacts/do/{step['step_id']}.do" for step in plan["steps"]
    }
    assert set(plan["selection"]["evidence"]) == {path for path, kind in kinds.items() if kind == "selection"}
    for row in rows:
        if row["rel_path"].startswith("artifacts/"):
            assert hashlib.sha256((root / row["rel_path"]).read_bytes()).hexdigest() == row["sha256"], row["rel_path"]
    assert json.loads((root / "artifacts/plan.json").read_text("utf-8")) == plan
    stage1 = json.loads((root / plan["selection"]["evidence"][0]).read_text("utf-8"))
    families = {family.id for family in services.library.families}
    assert 1 <= len(stage1["families"]) <= 3
    assert all(item["family_id"] in families and item["reason"] for item in stage1["families"])


async def test_the_do_file_is_text_and_one_step_can_be_had(session: Session, services: Services) -> None:
    await session.upload(WAGES)
    await session.ask("Effect of educ on wage controlling for exper")
    plan = (await session.post("/plan/freeze", {})).json()["plan"]
    whole = await session.get("/plan/do-file")
    assert whole.headers["content-type"].startswith("text/plain")
    assert hashlib.sha256(whole.content).hexdigest() == plan["do_sha256"]
    main = (await session.get("/plan/do-file", step_id="main")).text
    assert all(name in main for name in ("regress", "wage", "educ", "exper"))
    assert main in whole.text
    assert (await services.plans.do_files(session.job.job_id))["main"] == main
    assert (await session.get("/plan/do-file", step_id="nosuch")).status_code == 404


async def test_no_plan_is_a_conflict(session: Session) -> None:
    for tail in ("/plan", "/plan/do-file"):
        response = await session.get(tail)
        assert (response.status_code, response.json()["error_code"]) == (409, "PLAN_MISSING")


async def test_no_inputs_is_a_conflict(session: Session) -> None:
    response = await session.post("/plan/freeze", {})
    assert (response.status_code, response.json()["error_code"]) == (409, "INPUTS_MISSING")
    assert await session.status() == "created"


async def test_missing_things_are_structured_and_nothing_moves(session: Session) -> None:
    await session.upload(WAGES)
    await session.ask("Use an instrumental variable regression.")
    before = await session.get("")
    response = await session.post("/plan/freeze", {})
    body = response.json()
    assert (response.status_code, body["error_code"]) == (400, "PLAN_FREEZE_MISSING_REQUIRED")
    assert body["template_id"] == "causal.iv_2sls"
    assert "open_unknowns.outcome_var" in body["missing_fields"]
    assert {item["field"] for item in body["missing_fields_detail"]} == set(body["missing_fields"])
    assert {item["param"] for item in body["missing_params_detail"]} == set(body["missing_params"])
    for action in body["next_actions"]:
        assert set(action) == {"action", "type", "label", "method", "path", "fields", "payload_schema"}
        assert action["path"].startswith(f"/v1/jobs/{session.job.job_id}/")
    after = await session.get("")
    assert (after.json()["status"], after.json()["version"]) == (before.json()["status"], before.json()["version"])
    assert (await session.get("/plan")).json()["error_code"] == "PLAN_MISSING"


async def test_following_the_next_action_freezes(session: Session) -> None:
    await session.upload(WAGES)
    await session.ask("Use an instrumental variable regression.")
    missing = (await session.post("/plan/freeze", {})).json()["missing_fields"]
    values = {"outcome_var": "wage", "treatment_var": "educ", "instruments": ["exper"], "analysis_goal": "causal"}
    answers = {field: values[field.split(".", 1)[1]] for field in missing}
    response = await session.post("/plan/freeze", {"answers": answers})
    assert response.status_code == 200, response.text
    assert response.json()["plan"]["selection"]["template_id"] == "causal.iv_2sls"


async def test_same_confirmation_same_plan_and_another_is_a_new_revision(session: Session, services: Services) -> None:
    await session.upload(WAGES)
    await session.ask("Effect of educ on wage controlling for exper")
    first = (await session.post("/plan/freeze", {})).json()["plan"]
    again = (await session.post("/plan/freeze", {})).json()["plan"]
    assert again == first
    other = (await session.post("/plan/freeze", {"default_overrides": {"confidence": 90}})).json()["plan"]
    assert other["plan_id"] != first["plan_id"]
    assert (first["revision"], other["revision"]) == (1, 2)
    root = services.jobs.folder(session.job.job_id).root
    kept = json.loads((root / "artifacts/plans/plan_r001.json").read_text("utf-8"))
    assert kept == first
    back = (await session.post("/plan/freeze", {})).json()["plan"]
    assert (back["plan_id"], back["revision"]) == (first["plan_id"], 3)


async def test_a_patch_after_the_freeze_makes_the_plan_stale(session: Session, services: Services) -> None:
    await session.upload(WAGES)
    await session.ask("Effect of educ on wage controlling for exper")
    await session.post("/plan/freeze", {"default_overrides": {"confidence": 90}})
    job = await services.jobs.get(session.job.job_id)
    plan = await services.plans.require(session.job.job_id)
    assert await services.plans.is_fresh(job, plan)
    assert (await session.post("/draft/patch", {"field_updates": {"controls": ["female"]}})).status_code == 200
    assert not await services.plans.is_fresh(job, plan)
    renewed = await services.plans.freeze_as_is(job)
    params = renewed.steps[1].params.template_params
    assert (params["covariates"], params["confidence"]) == (["female"], 90)


async def test_an_unknown_column_is_refused_with_near_matches(session: Session) -> None:
    await session.upload(WAGES)
    await session.ask("Effect of educ on wage")
    response = await session.post("/plan/freeze", {"variable_corrections": {"educ": "expr"}})
    body = response.json()
    assert (response.status_code, body["error_code"]) == (400, "CONTRACT_COLUMN_NOT_FOUND")
    assert body["near_matches"]["expr"] == ["exper"]


async def test_a_plan_survives_a_mended_folder(session: Session, services: Services) -> None:
    await session.upload(WAGES)
    await session.ask("Effect of educ on wage")
    await session.post("/plan/freeze", {})
    path = services.jobs.folder(session.job.job_id).root / "artifacts/plan.json"
    content = path.read_bytes()
    path.write_bytes(b"half written")
    Path(path.parent / "do/main.do").unlink()
    assert await services.plans.mend_all() == 2
    assert path.read_bytes() == content
    assert await services.plans.mend_all() == 0


async def test_concurrent_freezes_make_one_plan(session: Session) -> None:
    import anyio

    await session.upload(WAGES)
    await session.ask("Effect of educ on wage")
    revisions: list[int] = []

    async def freeze() -> None:
        revisions.append((await session.post("/plan/freeze", {})).json()["plan"]["revision"])

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(freeze)
    assert revisions == [1] * 6


@pytest.mark.parametrize(
    "body", [{"nosuch": 1}, {"answers": []}, {"template_id": 5}, {"variable_corrections": {"a": 1}}]
)
async def test_a_malformed_request_is_refused(session: Session, body: dict[str, Any]) -> None:
    response = await session.post("/plan/freeze", body)
    assert (response.status_code, response.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")


async def test_another_plan_after_queueing_is_a_conflict(session: Session, services: Services) -> None:
    from ssd.jobs.models import JobStatus
    from ssd.jobs.service import Jobs

    await session.upload(WAGES)
    await session.ask("Effect of educ on wage")
    first = (await session.post("/plan/freeze", {})).json()["plan"]
    await services.database.write(
        lambda connection: Jobs.move(connection, session.job.job_id, JobStatus.CONFIRMED, cause="test")
    )
    same = await session.post("/plan/freeze", {})
    assert same.json()["plan"] == first
    other = await session.post("/plan/freeze", {"default_overrides": {"confidence": 80}})
    assert (other.status_code, other.json()["error_code"]) == (409, "PLAN_ALREADY_FROZEN_CONFLICT")
    patched = await session.post("/draft/patch", {"field_updates": {"controls": []}})
    assert (patched.status_code, patched.json()["error_code"]) == (409, "JOB_LOCKED")
