"""The library over HTTP, without a token."""

from __future__ import annotations

import httpx
import pytest


async def test_templates_are_listed_in_both_languages(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/templates")
    assert answer.status_code == 200
    found = {item["template_id"]: item for item in answer.json()["templates"]}
    assert len(found) >= 10
    assert found["regression.ols"]["title"]["zh"].startswith("线性回归")


async def test_words_rank_and_a_family_narrows(client: httpx.AsyncClient) -> None:
    ranked = (await client.get("/v1/templates", params={"q": "双重差分 政策"})).json()["templates"]
    assert ranked[0]["template_id"] == "causal.did_2x2"
    narrowed = (await client.get("/v1/templates", params={"family": "panel_data"})).json()["templates"]
    assert {item["family"] for item in narrowed} == {"panel_data"}
    assert (await client.get("/v1/templates", params={"family": "nothing"})).json()["templates"] == []


async def test_one_template_with_everything_a_client_needs(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/templates/regression.ols")).json()
    assert body["template_id"] == "regression.ols"
    assert len(body["sha256"]) == 64
    assert [item["name"] for item in body["parameters"] if item["required"]] == ["outcome", "treatment"]
    assert {"tidy.csv", "glance.csv"} <= {item["file"] for item in body["outputs"]}


@pytest.mark.parametrize("template_id", ["no.such", "..%2Fetc", "regression.ols%00"])
async def test_an_unknown_template_is_a_named_404(client: httpx.AsyncClient, template_id: str) -> None:
    answer = await client.get(f"/v1/templates/{template_id}")
    assert answer.status_code == 404
    assert answer.json()["error_code"] in {"TEMPLATE_NOT_FOUND", "NOT_FOUND"}


async def test_families_name_their_templates(client: httpx.AsyncClient) -> None:
    families = {item["family_id"]: item for item in (await client.get("/v1/families")).json()["families"]}
    assert len(families) == 28
    assert families["panel_data"]["template_ids"] == ["panel.fixed_effects"]
