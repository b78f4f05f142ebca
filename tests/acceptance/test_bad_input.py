"""Bad input gets a named error, and the job is as it was."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ssd.demo.journey import Journey
from ssd.demo.server import LocalServer

Begin = Callable[[str], Journey]
GOOD = b"wage,educ\n1.5,12\n2.5,13\n3,16\n"
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 2048


def upload(journey: Journey, name: str, content: bytes, **form: Any) -> Any:
    return journey.http.post(
        f"/v1/jobs/{journey.job_id}/inputs/upload", files=[("file", (name, content, "text/csv"))], data=form
    )


@pytest.mark.parametrize(
    ("name", "content", "codes"),
    [
        ("a.csv", b"", {"INPUT_EMPTY_FILE"}),
        ("a.xlsx", ENCRYPTED, {"INPUT_ENCRYPTED", "INPUT_PARSE_FAILED"}),
        ("a.dta", GOOD, {"INPUT_PARSE_FAILED", "INPUT_UNSUPPORTED_FORMAT"}),
        ("a.xlsx", GOOD, {"INPUT_PARSE_FAILED", "INPUT_UNSUPPORTED_FORMAT"}),
        ("a.pdf", b"%PDF-1.7", {"INPUT_UNSUPPORTED_FORMAT"}),
        ("a.csv", b"wage,educ\n1,\x002\n", {"INPUT_PARSE_FAILED"}),
        ("../a.csv", GOOD, {"INPUT_FILENAME_UNSAFE"}),
        ("..\\a.csv", GOOD, {"INPUT_FILENAME_UNSAFE"}),
        ("/etc/passwd.csv", GOOD, {"INPUT_FILENAME_UNSAFE"}),
        ("a.csv", b"PK\x03\x04" + b"\0" * 100, {"INPUT_PARSE_FAILED", "INPUT_UNSUPPORTED_FORMAT"}),
    ],
)
def test_a_bad_file_is_refused_by_name_and_changes_nothing(
    name: str, content: bytes, codes: set[str], begin: Begin
) -> None:
    journey = begin("Describe the data")
    first = upload(journey, "good.csv", GOOD).json()
    before = (journey.preview(), journey.status(), journey.artifacts())
    answer = upload(journey, name, content)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] in codes
    assert answer.json()["message"]
    assert (journey.preview(), journey.status(), journey.artifacts()) == before
    assert first["fingerprint"]


def test_ten_thousand_columns_are_read_or_refused_by_name(begin: Begin) -> None:
    journey = begin("Describe the data")
    content = ",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join("1" for _ in range(10_000)) + "\n"
    answer = upload(journey, "wide.csv", content.encode())
    if answer.status_code == 201 or answer.status_code == 200:
        assert journey.preview()["column_count"] == 10_000
    else:
        assert answer.json()["error_code"] == "INPUT_PARSE_FAILED"


HOSTILE = ["`=shell rm -rf /'", "\"' shell ls", "$HOME", "x; shell ls", "a\nshell ls", "`c(pwd)'", "*/ shell ls"]


def test_stata_code_in_names_and_values_never_becomes_code(begin: Begin) -> None:
    journey = begin("The effect of educ on wage " + " ".join(HOSTILE))
    header = ",".join('"' + text.replace('"', '""') + '"' for text in HOSTILE)
    rows = [
        f"{i % 5 + 0.5},{i % 7}," + ",".join('"' + t.replace('"', '""') + f' {i}"' for t in HOSTILE) for i in range(40)
    ]
    answer = upload(journey, "hostile.csv", ("wage,educ," + header + "\n" + "\n".join(rows) + "\n").encode())
    assert answer.status_code in (200, 201), answer.text
    journey.draft()
    journey.patch(outcome_var="wage", treatment_var="educ", selected_template_id="regression.ols")
    journey.freeze(answers={"analysis_goal": "association"})
    text = journey.do_file()
    assert "shell" not in text
    assert "rm -rf" not in text
    journey.run()
    job = journey.follow()
    assert job["status"] == "succeeded", job["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/draft/patch", {"field_updates": {"outcome_var": "wage"}, "sneaky": 1}),
        ("/draft/patch", {"field_updates": {"no_such_field": "wage"}}),
        ("/plan/freeze", {"sneaky": 1}),
        ("/confirm", {"confirmed": True, "sneaky": 1}),
        ("/run", {"sneaky": 1}),
        ("/confirm", {"confirmed": "perhaps"}),
        ("/draft/patch", {"field_updates": [1]}),
        ("/draft/patch", []),
    ],
)
def test_unknown_and_mistyped_fields_are_refused(path: str, body: Any, begin: Begin) -> None:
    journey = begin("Describe the data")
    upload(journey, "good.csv", GOOD)
    journey.draft()
    before = journey.status()
    answer = journey.http.post(f"/v1/jobs/{journey.job_id}{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] == "INPUT_VALIDATION_FAILED"
    assert answer.json()["errors"]
    assert journey.status() == before


@pytest.mark.parametrize(
    "path",
    [
        "../../ssd.sqlite3",
        "inputs/../../../ssd.sqlite3",
        "%2e%2e/%2e%2e/ssd.sqlite3",
        "/etc/passwd",
        "runs\\x",
        "a%00b",
    ],
)
def test_an_artifact_path_cannot_leave_the_job(path: str, begin: Begin) -> None:
    journey = begin("Describe the data")
    # The client library would tidy the path before it is sent; this one does not.
    address = journey.http.base_url
    connection = http.client.HTTPConnection(address.host, address.port or 80)
    try:
        token = journey.http.headers["Authorization"]
        connection.request("GET", f"/v1/jobs/{journey.job_id}/artifacts/{path}", headers={"Authorization": token})
        answer = connection.getresponse()
        assert answer.status in (400, 404)
        assert json.loads(answer.read())["error_code"] in ("ARTIFACT_PATH_UNSAFE", "ARTIFACT_NOT_FOUND")
    finally:
        connection.close()


def test_a_variable_that_is_not_there_is_refused_with_near_matches(begin: Begin, wages: Path) -> None:
    journey = begin("Describe the data")
    journey.upload(wages)
    journey.draft()
    answer = journey.http.post(
        f"/v1/jobs/{journey.job_id}/draft/patch", json={"field_updates": {"outcome_var": "lwagee"}}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "CONTRACT_COLUMN_NOT_FOUND")
    assert "lwage" in answer.text


def test_unknown_output_formats_are_refused(begin: Begin, wages: Path) -> None:
    journey = begin("Describe the data")
    journey.upload(wages)
    journey.draft()
    journey.freeze(answers={"analysis_goal": "descriptive"})
    answer = journey.http.post(f"/v1/jobs/{journey.job_id}/run", params={"output_formats": ["csv", "exe"]})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "OUTPUT_FORMATS_INVALID")
    assert journey.status()["status"] == "draft_ready"


def test_a_tenant_s_job_is_closed_to_another_tenant(server: LocalServer) -> None:
    with Journey(server.base_url, tenant="alpha") as alpha:
        alpha.redeem(server.issue_code("alpha"), "Describe the data")
        assert alpha.status()["status"] == "created"
        answer = alpha.http.get(f"/v1/jobs/{alpha.job_id}", headers={"X-SS-Tenant-ID": "beta"})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN")
        unsafe = alpha.http.get(f"/v1/jobs/{alpha.job_id}", headers={"X-SS-Tenant-ID": "../x"})
        assert (unsafe.status_code, unsafe.json()["error_code"]) == (400, "TENANT_ID_UNSAFE")
