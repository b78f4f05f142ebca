"""Tasks from request to record, through the real gateway and the test peer."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from ssd.errors import SsdError
from ssd.llm.models import Scope
from ssd.llm_tasks import store
from ssd.llm_tasks.models import TaskStatus
from tests.peers.llm_server import Answer, Status

ROUTE = {
    "design": "ols", "family": "regression", "model_tier": "small", "reason": "a plain regression", "confidence": 0.8,
}  # fmt: skip


async def count(services: Any, sql: str) -> int:
    row = await services.database.one(sql)
    return int(row[0])


async def calls_and_records(services: Any, operation: str) -> tuple[int, int]:
    calls = await services.database.all("SELECT call_id FROM llm_calls WHERE operation = ?", (operation,))
    records = await services.database.all("SELECT call_id FROM llm_task_records WHERE task = ?", (operation,))
    return len(calls), len(records)


def explained(numbers: dict[str, str], **changes: Any) -> dict[str, Any]:
    estimate = float(numbers["main.educ.estimate"])
    source = "/".join(numbers["path"].split("/")[-2:])
    text = f"One more year of educ goes with a difference of {estimate:.3f} in wage when exper is held constant. " + (
        "The estimate describes this sample and depends on the linear form of the model."
    )
    citation = {"metric": "main.educ.estimate", "value": estimate, "source_file": source}
    return {"text": text, "citations": [citation], "confidence": 0.7} | changes


async def test_a_route_leaves_one_call_and_one_record(ready, provider, submit, ended, services):
    provider.answers["route"] = ROUTE
    response = await submit(ready, "route", request="who should look at wages?")
    assert response.status_code == 202, response.text
    task = await ended(ready, response.json()["task_id"])
    assert task["status"] == "succeeded"
    assert task["result"] == ROUTE
    assert await calls_and_records(services, "route") == (1, 1)
    (call,) = await services.database.all("SELECT * FROM llm_calls")
    assert (task["call_id"], call["status"]) == (call["call_id"], "success")


async def test_the_same_request_is_the_same_task(ready, provider, submit, ended, services):
    provider.answers["route"] = ROUTE
    first = (await submit(ready, "route", request="a")).json()
    await ended(ready, first["task_id"])
    again = await submit(ready, "route", request="a")
    assert (again.status_code, again.json()["task_id"], again.json()["status"]) == (202, first["task_id"], "succeeded")
    other = await submit(ready, "route", request="b")
    assert (other.status_code, other.json()["error_code"]) == (409, "LLM_REQUEST_CONFLICT")
    assert len(provider.seen) == 1


async def test_an_explanation_cites_the_file(ready, provider, submit, ended, ran, numbers_of, services, client):
    shown = await ran(ready)
    assert shown["status"] == "succeeded", shown
    numbers = await numbers_of(ready)
    provider.answers["explanation"] = explained(numbers)
    task = await ended(ready, (await submit(ready, "explanation", question="what does educ do?")).json()["task_id"])
    assert task["status"] == "succeeded", task
    (citation,) = task["result"]["citations"]
    assert citation["source_file"] == numbers["path"]
    download = await client.get(ready.path(f"/artifacts/{citation['source_file']}"), headers=ready.headers)
    assert download.status_code == 200
    assert await calls_and_records(services, "explanation") == (1, 1)
    assert (await client.get(ready.path(), headers=ready.headers)).json()["status"] == "succeeded"


@pytest.mark.parametrize("lie", ["value", "file", "number", "metric"])
async def test_an_explanation_with_a_wrong_number_is_refused(lie, ready, provider, submit, ended, ran, numbers_of):
    await ran(ready)
    numbers = await numbers_of(ready)
    good = explained(numbers)
    (citation,) = good["citations"]
    lies = {
        "value": {"citations": [{**citation, "value": citation["value"] * 1.01}]},
        "file": {"citations": [{**citation, "source_file": "01_overview/tidy.csv"}]},
        "metric": {"citations": [{**citation, "metric": "main.female.estimate"}]},
        "number": {"text": good["text"] + " It explains 99.9 of it."},
    }
    provider.answers["explanation"] = good | lies[lie]
    task = await ended(ready, (await submit(ready, "explanation", question="what?")).json()["task_id"])
    assert task["status"] == "failed"
    assert task["result"] is None
    assert task["error"]["error_code"] == "LLM_RESPONSE_INVALID"
    assert [seen.schema_name for seen in provider.seen].count("explanation") == 2  # the answer and one repair


async def test_a_failed_task_may_be_tried_again(ready, provider, submit, ended, services):
    provider.respond = lambda seen: Status(500)
    task = await ended(ready, (await submit(ready, "route", request="a")).json()["task_id"])
    assert (task["status"], task["error"]["error_code"]) == ("failed", "LLM_CALL_FAILED")
    provider.respond = lambda seen: Answer(ROUTE)
    again = (await submit(ready, "route", request="a")).json()
    assert again["task_id"] == task["task_id"]
    task = await ended(ready, again["task_id"])
    assert (task["status"], task["trial"], task["error"]) == ("succeeded", 2, None)
    assert await calls_and_records(services, "route") == (2, 1)


async def test_one_job_cannot_fill_the_queue(ready, provider, submit, monkeypatch):
    monkeypatch.setattr("ssd.llm_tasks.service.MOST_UNFINISHED", 2)
    provider.respond = lambda seen: Answer(ROUTE, delay=5.0)
    for number in range(2):
        assert (await submit(ready, "route", f"r{number}", request=f"q{number}")).status_code == 202
    response = await submit(ready, "route", "r2", request="q2")
    assert (response.status_code, response.json()["error_code"]) == (429, "RATE_LIMITED")


async def test_a_second_delivery_changes_nothing(ready, provider, submit, ended, services):
    provider.answers["route"] = ROUTE
    task = await ended(ready, (await submit(ready, "route", request="a")).json()["task_id"])

    def back(connection: Any) -> None:
        connection.execute("UPDATE llm_tasks SET status = 'queued', ended_at = NULL")

    await services.database.write(back)
    services.task_supervisor.wake()
    again = await ended(ready, task["task_id"])
    assert again["result"] == task["result"]
    assert await calls_and_records(services, "route") == (1, 1)
    assert len(provider.seen) == 1


async def test_a_delivery_whose_record_was_lost_is_replayed_not_bought(ready, provider, submit, ended, services):
    provider.answers["route"] = ROUTE
    task = await ended(ready, (await submit(ready, "route", request="a")).json()["task_id"])

    def back(connection: Any) -> None:
        connection.execute("DELETE FROM llm_task_records")
        connection.execute("UPDATE llm_tasks SET status = 'queued', ended_at = NULL")

    await services.database.write(back)
    services.task_supervisor.wake()
    again = await ended(ready, task["task_id"])
    assert again["result"] == task["result"]
    assert await calls_and_records(services, "route") == (1, 1)
    assert len(provider.seen) == 1


async def test_a_record_that_cannot_be_written_undoes_the_success(ready, provider, submit, ended, services):
    """Ledger and record are one transaction: without the record the call is no success."""
    provider.answers["route"] = ROUTE

    def broken(connection: Any) -> None:
        connection.execute(
            "CREATE TRIGGER no_record BEFORE INSERT ON llm_task_records BEGIN SELECT raise(ABORT, 'planted'); END"
        )

    await services.database.write(broken)
    task = await ended(ready, (await submit(ready, "route", request="a")).json()["task_id"])
    assert task["status"] == "failed"
    (call,) = await services.database.all("SELECT status, reason FROM llm_calls")
    assert call["status"] == "failed"
    assert await count(services, "SELECT count(*) FROM llm_reservations WHERE state = 'held'") == 0


async def test_a_task_of_a_server_that_died_is_taken_up(ready, provider, submit, ended, services):
    provider.answers["route"] = ROUTE
    first = (await submit(ready, "route", request="a")).json()
    await ended(ready, first["task_id"])

    def died(connection: Any) -> None:
        connection.execute("DELETE FROM llm_task_records")
        connection.execute(
            "UPDATE llm_tasks SET status = 'running', boot_id = 'gone', lease_until = '2000', ended_at = NULL"
        )

    await services.database.write(died)
    await services.task_supervisor.recover()
    task = await ended(ready, first["task_id"])
    assert task["status"] == "succeeded"


async def test_a_task_that_dies_with_every_server_ends(services, ready, provider, submit, ended):
    provider.answers["route"] = ROUTE
    first = (await submit(ready, "route", request="a")).json()
    await ended(ready, first["task_id"])

    def died(connection: Any) -> None:
        connection.execute("DELETE FROM llm_task_records")
        connection.execute(
            "UPDATE llm_tasks SET status = 'running', boot_id = 'gone', lease_until = '2000', deliveries = 3"
        )

    await services.database.write(died)
    await services.task_supervisor.recover()
    task = await ended(ready, first["task_id"])
    assert task["error"]["error_code"] == "INTERRUPTED"


async def test_max_cost_stops_the_call_before_the_provider(ready, provider, submit, ended):
    provider.answers["route"] = ROUTE
    task = await ended(ready, (await submit(ready, "route", request="a", max_cost_cents=0)).json()["task_id"])
    assert (task["error"]["error_code"], task["error"]["block_reason"]) == ("LLM_BLOCKED", "max_cost_too_low")
    assert provider.seen == []


async def test_an_investigation_uses_tools_and_keeps_what_it_saw(ready, provider, submit, ended, ran, services):
    await ran(ready)
    provider.script(
        Answer({"tool_calls": [{"tool": "read_log", "step_id": "main", "from_line": 1, "lines": 5},
                               {"tool": "explain_r", "rc": 111}, {"tool": "describe_data", "columns": ["wage"]},
                               {"tool": "read_table", "file": "02_main/tidy.csv", "rows": 2}]}),
        Answer({"findings": [{"finding": "r(111) stands for a name that does not exist.", "evidence": ["t2"],
                              "confidence": 0.9}],
                "synthesis": "The log was read and the return code explained; nothing else was found."}),
    )  # fmt: skip
    task = await ended(ready, (await submit(ready, "investigation", question="why?")).json()["task_id"])
    assert task["status"] == "succeeded", task
    result = task["result"]
    assert result["evidence"]["t2"] == "r(111): a variable or name does not exist."
    assert result["evidence"]["t1"].startswith("1: ")
    assert json.loads(result["evidence"]["t3"])["columns"][0]["name"] == "wage"
    assert "main,educ" in result["evidence"]["t4"].replace('","', ",")
    assert [used["call"]["tool"] for used in result["tools"]] == [
        "read_log",
        "explain_r",
        "describe_data",
        "read_table",
    ]
    assert await calls_and_records(services, "investigation") == (1, 1)


async def test_an_investigation_is_stopped_after_ten_tools(ready, provider, submit, ended, ran, services):
    await ran(ready)
    greedy = {"tool_calls": [{"tool": "explain_r", "rc": 111}] * 3}
    provider.respond = lambda seen: Answer(greedy)
    task = await ended(ready, (await submit(ready, "investigation", question="why?")).json()["task_id"])
    assert task["status"] == "failed"
    # Three rounds of three calls; the fourth asks for a tenth to twelfth and its repair does so again.
    assert len([seen for seen in provider.seen if seen.schema_name == "investigation"]) == 5
    assert await count(services, "SELECT count(*) FROM llm_task_records") == 0


async def test_a_finding_out_of_thin_air_is_refused(ready, provider, submit, ended, ran):
    await ran(ready)
    made_up = {"findings": [{"finding": "The standard error is 77.77 times too big.", "evidence": ["g1"],
                             "confidence": 1}], "synthesis": "It is all wrong, as the log shows."}  # fmt: skip
    provider.respond = lambda seen: Answer(made_up)
    task = await ended(ready, (await submit(ready, "investigation", question="why?")).json()["task_id"])
    assert task["error"]["error_code"] == "LLM_RESPONSE_INVALID"


async def test_a_report_takes_its_numbers_from_the_files(ready, provider, submit, ended, ran, numbers_of):
    await ran(ready)
    numbers = await numbers_of(ready)
    provider.script(
        Answer({"paragraphs": [{"section": "results", "text": "The estimate of educ is {{f1}} in this sample, and the "
                                "share of explained variance is {{missing: adjusted R-squared}}."}]})
    )  # fmt: skip
    task = await ended(ready, (await submit(ready, "report.write")).json()["task_id"])
    assert task["status"] == "succeeded", task
    (paragraph,) = task["result"]["paragraphs"]
    assert "[missing: adjusted R-squared]" in paragraph["text"]
    (trace,) = paragraph["traces"]
    assert trace["source_file"] == numbers["path"].replace("tidy.csv", trace["source_file"].split("/")[-1])
    assert trace["shown"] in paragraph["text"]
    assert task["result"]["missing"] == ["adjusted R-squared"]


async def test_a_report_with_a_number_of_its_own_is_refused(ready, provider, submit, ended, ran):
    await ran(ready)
    text = "The estimate of educ is 0.5 in this sample, which is a lot for such a variable."
    provider.respond = lambda seen: Answer({"paragraphs": [{"section": "results", "text": text}]})
    task = await ended(ready, (await submit(ready, "report.write")).json()["task_id"])
    assert task["error"]["error_code"] == "LLM_RESPONSE_INVALID"


async def test_tasks_about_a_run_need_one(ready, submit):
    for task in ("explanation", "investigation", "report.write"):
        response = await submit(ready, task, **({"question": "why?"} if task != "report.write" else {}))
        assert (response.status_code, response.json()["error_code"]) == (409, "LLM_TASK_RUN_MISSING")


@pytest.mark.parametrize(
    ("task", "given", "field"),
    [
        ("route", {}, "input"),
        ("route", {"request": "a", "extra": 1}, "input"),
        ("explanation", {"question": "q", "run_id": "../../x"}, "input.run_id"),
        ("budget_optimization", {"channels": [], "total_budget": 1, "goal": "maximize_roas"}, "input.channels"),
        ("budget_optimization", {"channels": [{"name": "a", "spend": "wag", "response": "educ"}], "total_budget": 1,
                                 "goal": "maximize_roas"}, "input.channels[0].spend"),
    ],
)  # fmt: skip
async def test_a_bad_input_is_named(ready, submit, task, given, field, provider):
    response = await submit(ready, task, **given)
    assert (response.status_code, response.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
    assert field in [item["field"] for item in response.json()["errors"]]
    assert provider.seen == []


async def test_tasks_are_listed_page_by_page(ready, client, provider, submit, ended):
    provider.answers["route"] = ROUTE
    ids = []
    for number in range(3):
        ids.append((await submit(ready, "route", f"r{number}", request=f"q{number}")).json()["task_id"])
        await ended(ready, ids[-1])
    first = (await client.get(ready.path("/llm-tasks?limit=2"), headers=ready.headers)).json()
    rest = (await client.get(ready.path(f"/llm-tasks?cursor={first['next_cursor']}"), headers=ready.headers)).json()
    assert [task["task_id"] for task in first["tasks"] + rest["tasks"]] == ids
    assert rest["next_cursor"] is None


async def test_isolation_of_tasks_and_records(ready, provider, submit, ended, services, client):
    provider.answers["route"] = ROUTE
    task_id = (await submit(ready, "route", request="a")).json()["task_id"]
    await ended(ready, task_id)
    code = await services.database.one("SELECT code_id FROM task_codes WHERE job_id = ?", (ready.job_id,))
    mine = Scope("default", code["code_id"])
    row = await store.one(services.database, mine, ready.job_id, task_id)
    assert row is not None  # the positive control
    assert row["body"] is not None
    for other in (Scope("default", "somebody"), Scope("other", code["code_id"])):
        assert await store.one(services.database, other, ready.job_id, task_id) is None
        assert await store.page(services.database, other, ready.job_id, "", 50) == []

        def look(connection: Any, other: Scope = other) -> Any:
            return store.same_request(connection, other, ready.job_id, store.TaskKind.ROUTE, "r1")

        assert await services.database.write(look) is None
    with pytest.raises(SsdError, match="LLM_SCOPE_MISSING"):
        Scope("default", "")
    issued = await services.task_codes.issue(tenant_id="default", count=1, expires_in_days=1, actor="t")
    answer = await client.post("/v1/task-codes/redeem", json={"task_code": issued[0].task_code, "requirement": ""})
    stranger = {"Authorization": f"Bearer {answer.json()['token']}"}
    theirs = f"/v1/jobs/{answer.json()['job_id']}/llm-tasks/{task_id}"
    assert (await client.get(theirs, headers=stranger)).json()["error_code"] == "LLM_TASK_NOT_FOUND"
    wrong = await client.get(ready.path(f"/llm-tasks/{task_id}"), headers=stranger)
    assert (wrong.status_code, wrong.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN")


async def test_a_deleted_job_leaves_no_task_and_no_record(ready, provider, submit, ended, services, client):
    provider.answers["route"] = ROUTE
    await ended(ready, (await submit(ready, "route", request="a")).json()["task_id"])
    assert (await client.delete(ready.path(), headers=ready.headers)).status_code == 204
    assert await count(services, "SELECT count(*) FROM llm_tasks") == 0
    assert await count(services, "SELECT count(*) FROM llm_task_records") == 0
    assert await count(services, "SELECT count(*) FROM llm_calls") == 1  # the ledger stays


async def test_the_queue_is_answered_by_its_index(services):
    parameters = {"now": "x", "boot_id": "b", "lease_until": "y"}
    plan = await services.database.writer.run(
        lambda connection: [
            row["detail"] for row in connection.execute("EXPLAIN QUERY PLAN " + store.CLAIM, parameters)
        ]
    )
    assert any("llm_tasks_queued" in line for line in plan), plan
    assert not any(line.startswith("SCAN") for line in plan), plan


async def test_many_tasks_end_each_with_one_record(ready, provider, submit, ended, services):
    provider.respond = lambda seen: Answer(ROUTE, delay=0.01)
    ids: list[str] = []

    async def one(number: int) -> None:
        ids.append((await submit(ready, "route", f"m{number}", request=f"q{number}")).json()["task_id"])

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
    for task_id in ids:
        assert (await ended(ready, task_id))["status"] == TaskStatus.SUCCEEDED
    assert await calls_and_records(services, "route") == (20, 20)
