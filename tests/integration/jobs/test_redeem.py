"""Redeeming task codes over HTTP."""

from __future__ import annotations


async def test_first_redeem_makes_a_job(client, issued_code):
    response = await client.post("/v1/task-codes/redeem", json={"task_code": issued_code, "requirement": "mean of x"})
    body = response.json()
    assert response.status_code == 200
    assert body["job_id"].startswith("job_")
    assert body["is_idempotent"] is False
    job = await client.get(f"/v1/jobs/{body['job_id']}", headers={"Authorization": f"Bearer {body['token']}"})
    assert job.status_code == 200, job.text
    assert job.json()["requirement"] == "mean of x"
