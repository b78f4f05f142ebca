from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pyreadstat
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ssd.app import Services
from ssd.inputs import manifest
from ssd.jobs import artifact_index
from ssd.jobs.models import JobStatus
from tests.conftest import RedeemedJob
from tests.unit.inputs.workbooks import encrypted_xlsx, make_xls, make_xlsx, zip_bomb

Client = AsyncTestClient[Litestar]
CSV = b"id,year,y\n1,2001,2.5\n1,2002,3.5\n2,2001,1\n2,2002,4\n"
OTHER = b"id,z\n1,5\n2,6\n"
Part = tuple[str, Any]


async def send(
    client: Client, job: RedeemedJob, *parts: tuple[str, bytes], fields: dict[str, Any] | None = None
) -> httpx.Response:
    return await client.post(
        job.path("/inputs/upload"),
        headers=job.headers,
        files=[("file", (name, content, "application/octet-stream")) for name, content in parts],
        data=fields,
    )


async def send_raw(client: Client, job: RedeemedJob, disposition: bytes, content: bytes = CSV) -> httpx.Response:
    body = b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + content + b"\r\n--b--\r\n"
    headers = {**job.headers, "content-type": "multipart/form-data; boundary=b"}
    return await client.post(job.path("/inputs/upload"), headers=headers, content=body)


async def preview(client: Client, job: RedeemedJob, **query: Any) -> dict[str, Any]:
    answer = await client.get(job.path("/inputs/preview"), headers=job.headers, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(services: Services, job: RedeemedJob) -> dict[str, bytes]:
    root = services.jobs.folder(job.job_id).inputs
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def test_an_upload_is_prepared_indexed_and_shown(client: Client, job: RedeemedJob, services: Services) -> None:
    answer = await send(client, job, ("数据.csv", CSV))
    assert answer.status_code == 200, answer.text
    digest = hashlib.sha256(CSV).hexdigest()
    listed = [{"role": "primary_dataset", "sha256": digest, "size_bytes": len(CSV)}]
    expected = hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()
    assert answer.json() == {
        "job_id": job.job_id,
        "manifest_rel_path": "inputs/manifest.json",
        "fingerprint": f"sha256:{expected}",
    }
    shown = await preview(client, job)
    assert (shown["row_count"], shown["column_count"], shown["encoding"]) == (4, 3, "utf-8")
    assert shown["columns"][2]["name"] == "y"
    assert shown["sample_rows"][0] == {"id": 1, "year": 2001, "y": 2.5}
    assert shown["datasets"][0]["original_name"] == "数据.csv"
    assert shown["datasets"][0]["dataset_key"] == f"ds_{digest[:16]}"
    files = stored(services, job)
    key = f"ds_{digest[:16]}"
    assert set(files) == {"manifest.json", f"{key}.csv", f"prepared/{key}.dta"}
    record = await artifact_index.find(services.database, job.job_id, "inputs/manifest.json")
    assert record is not None
    assert record.kind == "manifest"
    assert record.sha256 == hashlib.sha256(files["manifest.json"]).hexdigest()
    described = json.loads(files["manifest.json"])
    assert described["fingerprint"] == f"sha256:{expected}"
    data, _ = pyreadstat.read_dta(str(services.jobs.folder(job.job_id).prepared / f"{key}.dta"), output_format="polars")
    assert data["y"].to_list() == [2.5, 3.5, 1, 4]


async def test_preview_limits_rows_and_columns_and_names_datasets(client: Client, job: RedeemedJob) -> None:
    await send(client, job, ("a.csv", CSV), ("b.csv", OTHER))
    shown = await preview(client, job, rows=1, columns=2)
    assert len(shown["sample_rows"]) == 1
    assert list(shown["sample_rows"][0]) == ["id", "year"]
    assert [item["role"] for item in shown["datasets"]] == ["primary_dataset", "secondary_dataset"]
    second = shown["datasets"][1]["dataset_key"]
    assert (await preview(client, job, dataset_key=second))["columns"][1]["name"] == "z"
    missing = await client.get(job.path("/inputs/preview?dataset_key=ds_0"), headers=job.headers)
    assert (missing.status_code, missing.json()["error_code"]) == (404, "INPUT_DATASET_NOT_FOUND")
    for query in ("rows=0", "rows=201", "columns=0", "columns=x"):
        refused = await client.get(job.path(f"/inputs/preview?{query}"), headers=job.headers)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")


async def test_preview_before_an_upload_says_so(client: Client, job: RedeemedJob) -> None:
    answer = await client.get(job.path("/inputs/preview"), headers=job.headers)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "INPUTS_MISSING")


async def test_roles_and_names_of_the_form_are_used(client: Client, job: RedeemedJob) -> None:
    fields = {"role": ["other", "primary_dataset"], "filename": ["extra.csv", "main.csv"]}
    assert (await send(client, job, ("x", OTHER), ("y", CSV), fields=fields)).status_code == 200
    shown = await preview(client, job)
    assert {item["original_name"]: item["role"] for item in shown["datasets"]} == {
        "extra.csv": "other",
        "main.csv": "primary_dataset",
    }
    assert shown["columns"][2]["name"] == "y"


TWO = [("a.csv", CSV), ("b.csv", OTHER)]
REFUSED: list[tuple[str, int, list[tuple[str, bytes]], dict[str, Any] | None]] = [
    ("INPUT_ROLE_COUNT_MISMATCH", 400, TWO, {"role": ["primary_dataset"]}),
    ("INPUT_FILENAME_COUNT_MISMATCH", 400, TWO, {"filename": ["a.csv"]}),
    ("INPUT_ROLE_INVALID", 400, TWO, {"role": ["primary_dataset", "king"]}),
    ("INPUT_PRIMARY_DATASET_MISSING", 400, TWO, {"role": ["other", "other"]}),
    ("INPUT_PRIMARY_DATASET_MULTIPLE", 400, TWO, {"role": ["primary_dataset", "primary_dataset"]}),
    ("INPUT_DATASET_KEY_CONFLICT", 400, [("a.csv", CSV), ("b.csv", CSV)], None),
    ("INPUT_EMPTY_FILE", 400, [("a.csv", b"")], None),
    ("INPUT_EMPTY_FILE", 400, [("a.csv", b"a,b\n")], None),
    ("INPUT_FILENAME_UNSAFE", 400, [("../a.csv", CSV)], None),
    ("INPUT_FILENAME_UNSAFE", 400, [("x.csv", CSV)], {"filename": ["a\u202e.csv"]}),
    ("INPUT_UNSUPPORTED_FORMAT", 400, [("a.pdf", CSV)], None),
    ("INPUT_UNSUPPORTED_FORMAT", 400, [("a.xlsx", CSV)], None),
    ("INPUT_PARSE_FAILED", 400, [("a.csv", b"a,b\n\x001,2\n")], None),
    ("INPUT_PARSE_FAILED", 400, [("a.dta", b"<stata_dta><header>broken")], None),
    ("INPUT_ENCRYPTED", 400, [("a.xlsx", encrypted_xlsx())], None),
    ("INPUT_VALIDATION_FAILED", 400, [("a.csv", CSV)], {"surprise": "x"}),
    ("INPUT_VALIDATION_FAILED", 400, [("a.csv", CSV)], {"role": "x" * 5000}),
]


@pytest.mark.parametrize(("code", "status", "parts", "fields"), REFUSED)
async def test_a_refused_upload_has_its_code_and_leaves_the_earlier_inputs(
    client: Client,
    job: RedeemedJob,
    services: Services,
    code: str,
    status: int,
    parts: list[tuple[str, bytes]],
    fields: dict[str, Any] | None,
) -> None:
    await send(client, job, ("first.csv", b"k,v\na,1\nb,2\n"))
    before, shown = stored(services, job), await preview(client, job)
    answer = await send(client, job, *parts, fields=fields)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert str(services.settings.data_dir) not in answer.text
    assert stored(services, job) == before
    assert await preview(client, job) == shown


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="file"; filename="工资.csv"'.encode(), "工资.csv"),
        (b"form-data; name=\"file\"; filename*=UTF-8''%E5%B7%A5%E8%B5%84.csv", "工资.csv"),
        (b'form-data; name="file"; filename="x.csv"; filename*=utf-8\'zh\'%E5%B7%A5.csv', "工.csv"),
        (b"form-data; name=file; filename=plain.csv", "plain.csv"),
    ],
)
async def test_chinese_names_in_every_way_clients_write_them(
    client: Client, job: RedeemedJob, disposition: bytes, name: str
) -> None:
    assert (await send_raw(client, job, disposition)).status_code == 200
    assert (await preview(client, job))["datasets"][0]["original_name"] == name


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="file"; filename="C:\\temp\\a.csv"',
        b'form-data; name="file"; filename="..\\a.csv"',
        b"form-data; name=\"file\"; filename*=UTF-8''..%2Fa.csv",
        b"form-data; name=\"file\"; filename*=UTF-8''a%00.csv",
        b"form-data; name=\"file\"; filename*=nonsense''a.csv",
        b'form-data; name="file"',
    ],
)
async def test_names_with_folders_or_controls_are_refused(client: Client, job: RedeemedJob, disposition: bytes) -> None:
    answer = await send_raw(client, job, disposition)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_FILENAME_UNSAFE")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=file; filename=a.csv\r\n\r\nhal",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n"),
    ],
)
async def test_a_body_that_is_no_complete_form_is_refused(
    client: Client, job: RedeemedJob, services: Services, content_type: str, body: bytes
) -> None:
    answer = await client.post(
        job.path("/inputs/upload"), headers={**job.headers, "content-type": content_type}, content=body
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
    assert not services.jobs.folder(job.job_id).inputs.exists()


async def test_a_new_upload_replaces_the_set_and_its_files(
    client: Client, job: RedeemedJob, services: Services
) -> None:
    first = (await send(client, job, ("a.csv", CSV), ("b.csv", OTHER))).json()["fingerprint"]
    second = (await send(client, job, ("b.csv", OTHER))).json()["fingerprint"]
    assert first != second
    key = f"ds_{hashlib.sha256(OTHER).hexdigest()[:16]}"
    assert set(stored(services, job)) == {"manifest.json", f"{key}.csv", f"prepared/{key}.dta"}
    again = (await send(client, job, ("other name.csv", OTHER))).json()["fingerprint"]
    assert again == second


async def test_concurrent_uploads_leave_one_complete_set(client: Client, job: RedeemedJob, services: Services) -> None:
    import asyncio

    answers = await asyncio.gather(
        *(send(client, job, ("a.csv", CSV), (f"{i}.csv", OTHER + b"%d,7\n" % (3 + i))) for i in range(4))
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    current = await services.inputs.current(job.job_id)
    assert current is not None
    known = {
        path.removeprefix("inputs/") for item in current.datasets for path in (item.rel_path, item.prepared_rel_path)
    }
    files = stored(services, job)
    assert set(files) == known | {"manifest.json"}
    assert json.loads(files["manifest.json"])["fingerprint"] == current.fingerprint


async def test_sheets_are_chosen_and_change_the_fingerprint(
    client: Client, job: RedeemedJob, services: Services, tmp_path: Path
) -> None:
    path = make_xlsx(tmp_path / "a.xlsx", {"one": [["a"], [1], [2]], "二": [["b", "c"], [3, 4], [5, 6]]})
    first = (await send(client, job, ("a.xlsx", path.read_bytes()))).json()["fingerprint"]
    assert (await preview(client, job))["selected_sheet"] == "one"
    answer = await client.post(job.path("/inputs/primary/sheet"), headers=job.headers, params={"sheet_name": "二"})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["selected_sheet"], shown["row_count"], shown["columns"][0]["name"]) == ("二", 2, "b")
    assert shown["fingerprint"] != first
    assert await preview(client, job) == shown
    key = shown["datasets"][0]["dataset_key"]
    assert len(stored(services, job)) == 3
    back = await client.post(
        job.path(f"/inputs/datasets/{key}/sheet"), headers=job.headers, params={"sheet_name": "one"}
    )
    assert back.json()["fingerprint"] == first


async def test_an_unknown_sheet_or_dataset_is_refused(client: Client, job: RedeemedJob, tmp_path: Path) -> None:
    async def choose(tail: str, name: str) -> tuple[int, str]:
        answer = await client.post(job.path(f"/inputs/{tail}/sheet"), headers=job.headers, params={"sheet_name": name})
        return answer.status_code, answer.json()["error_code"]

    assert await choose("primary", "x") == (409, "INPUTS_MISSING")
    await send(client, job, ("a.xls", make_xls(tmp_path / "a.xls", {"one": [["a"], [1]]}).read_bytes()))
    assert await choose("primary", "two") == (400, "INPUT_SHEET_NOT_FOUND")
    assert await choose("datasets/ds_none", "one") == (404, "INPUT_DATASET_NOT_FOUND")
    assert await choose("primary", "") == (400, "INPUT_VALIDATION_FAILED")
    await send(client, job, ("a.csv", CSV))
    assert await choose("primary", "one") == (400, "INPUT_SHEET_NOT_FOUND")


async def test_a_locked_job_takes_no_inputs(client: Client, job: RedeemedJob, services: Services) -> None:
    await send(client, job, ("a.csv", CSV))

    def lock(connection: Any) -> None:
        for status in (JobStatus.DRAFT_READY, JobStatus.CONFIRMED):
            services.jobs.move(connection, job.job_id, status, cause="test")

    await services.database.write(lock)
    before = stored(services, job)
    answer = await send(client, job, ("b.csv", OTHER))
    assert (answer.status_code, answer.json()["error_code"]) == (409, "JOB_LOCKED")
    chosen = await client.post(job.path("/inputs/primary/sheet?sheet_name=x"), headers=job.headers)
    assert (chosen.status_code, chosen.json()["error_code"]) == (409, "JOB_LOCKED")
    assert stored(services, job) == before


async def test_a_job_locked_while_the_upload_ran_keeps_its_inputs(
    client: Client, job: RedeemedJob, services: Services
) -> None:
    await send(client, job, ("a.csv", CSV))
    before = stored(services, job)
    stale = await services.jobs.get(job.job_id)

    def lock(connection: Any) -> None:
        for status in (JobStatus.DRAFT_READY, JobStatus.CONFIRMED):
            services.jobs.move(connection, job.job_id, status, cause="test")

    await services.database.write(lock)

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="b.csv"\r\n\r\n' + OTHER + b"\r\n--b--\r\n"

    with pytest.raises(Exception, match="JOB_LOCKED"):
        await services.inputs.upload(stale, body(), "multipart/form-data; boundary=b")  # type: ignore[arg-type]
    assert stored(services, job) == before


async def test_a_file_that_kills_its_reader_is_a_named_failure(
    client: Client, job: RedeemedJob, tmp_path: Path
) -> None:
    def far(_workbook: object, sheets: dict[str, Any]) -> None:
        sheets["s"].write(1_048_575, 16_383, 1)

    path = make_xlsx(tmp_path / "far.xlsx", {"s": [["a"], [1]]}, far)
    answer = await send(client, job, ("far.xlsx", path.read_bytes()))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_PARSE_FAILED")


async def test_a_zip_bomb_is_a_named_failure(client: Client, job: RedeemedJob, tmp_path: Path) -> None:
    answer = await send(client, job, ("bomb.xlsx", zip_bomb(tmp_path / "bomb.xlsx").read_bytes()))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_PARSE_FAILED")


async def test_boot_sweeps_what_nobody_knows_and_mends_the_manifest(
    client: Client, job: RedeemedJob, services: Services
) -> None:
    await send(client, job, ("a.csv", CSV))
    before = stored(services, job)
    folder = services.jobs.folder(job.job_id)
    (folder.inputs / ".staging-dead").mkdir()
    (folder.inputs / ".staging-dead" / "part-0").write_bytes(b"x")
    os.utime(folder.inputs / ".staging-dead", (0, 0))
    (folder.inputs / ".staging-alive").mkdir()
    (folder.inputs / "ds_stray.csv").write_bytes(b"x")
    (folder.prepared / ".x.dta.tmp").write_bytes(b"x")
    (folder.root / manifest.REL_PATH).write_bytes(b"{}")
    assert await services.inputs.sweep_all() == 3
    assert (folder.inputs / ".staging-alive").is_dir()
    assert stored(services, job) == before
