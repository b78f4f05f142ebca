"""Issuing, listing and revoking task codes."""

from __future__ import annotations

import pytest

from ssd.access.models import CodeStatus
from ssd.access.service import TaskCodes
from ssd.app import build_app
from ssd.errors import SsdError


@pytest.fixture
def task_codes(database):
    return TaskCodes(database)


async def test_issuing_makes_the_tenant(task_codes, database):
    await task_codes.issue(tenant_id="econ101", count=2, expires_in_days=7, actor="test")
    await task_codes.issue(tenant_id="econ101", count=1, expires_in_days=7, actor="test")
    assert [row["tenant_id"] for row in await database.all("SELECT tenant_id FROM tenants")] == ["econ101"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"count": 0}, "INPUT_VALIDATION_FAILED"),
        ({"count": 501}, "INPUT_VALIDATION_FAILED"),
        ({"expires_in_days": 0}, "INPUT_VALIDATION_FAILED"),
        ({"expires_in_days": 3651}, "INPUT_VALIDATION_FAILED"),
        ({"tenant_id": "a b"}, "TENANT_ID_UNSAFE"),
    ],
)
async def test_issuing_within_bounds_only(task_codes, database, change, code):
    with pytest.raises(SsdError) as refused:
        await task_codes.issue(**{"tenant_id": "default", "count": 1, "expires_in_days": 1, "actor": "test", **change})
    assert refused.value.code == code
    assert await database.all("SELECT * FROM task_codes") == []


async def test_listing_pages_through_everything_once(task_codes):
    await task_codes.issue(tenant_id="a", count=7, expires_in_days=1, actor="test")
    await task_codes.issue(tenant_id="b", count=3, expires_in_days=1, actor="test")
    seen, before = [], None
    while page := await task_codes.listing(before=before, limit=4):
        seen += [code.code_id for code in page]
        before = page[-1].code_id
    assert len(seen) == len(set(seen)) == 10
    assert len(await task_codes.listing(tenant_id="b")) == 3


async def test_listing_by_status(task_codes, database):
    issued = await task_codes.issue(tenant_id="default", count=3, expires_in_days=1, actor="test")
    await task_codes.revoke(issued[0].code_id, actor="test")
    await database.write(
        lambda store: store.execute("UPDATE task_codes SET expires_at = '2020' WHERE code_id = ?", (issued[1].code_id,))
    )
    found = {status: [code.code_id for code in await task_codes.listing(status=status)] for status in CodeStatus}
    assert found == {
        CodeStatus.REVOKED: [issued[0].code_id],
        CodeStatus.EXPIRED: [issued[1].code_id],
        CodeStatus.UNUSED: [issued[2].code_id],
        CodeStatus.USED: [],
    }


async def test_revoking_twice_keeps_the_first_time(task_codes):
    [issued] = await task_codes.issue(tenant_id="default", count=1, expires_in_days=1, actor="test")
    first = await task_codes.revoke(issued.code_id, actor="test")
    assert (await task_codes.revoke(issued.code_id, actor="test")).revoked_at == first.revoked_at
    with pytest.raises(SsdError, match="TASK_CODE_NOT_FOUND"):
        await task_codes.revoke("code_unknown", actor="test")


async def test_operator_actions_are_audited(task_codes, database):
    [issued] = await task_codes.issue(tenant_id="default", count=1, expires_in_days=1, actor="uid:7")
    await task_codes.revoke(issued.code_id, actor="uid:7")
    rows = await database.all("SELECT actor, action, data FROM audit_log ORDER BY audit_id")
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("uid:7", "task_codes.issue"),
        ("uid:7", "task_codes.revoke"),
    ]
    assert issued.task_code not in "".join(row["data"] for row in rows)


async def test_redeeming_too_often_is_refused(settings, serve_app):
    import msgspec

    app = build_app(msgspec.structs.replace(settings, redeem_rate_per_minute=3))
    async with serve_app(app) as client:
        answers = [await client.post("/v1/task-codes/redeem", json={"task_code": "AAAAA"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert answers[-1].json()["error_code"] == "RATE_LIMITED"
    assert answers[-1].json()["retryable"] is True
    assert int(answers[-1].headers["retry-after"]) == answers[-1].json()["retry_after_seconds"] == 20
