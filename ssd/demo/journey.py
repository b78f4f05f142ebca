"""The journey as a client walks it: one method for each step of http-api.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]
ENDED = ("succeeded", "failed", "cancelled")


class Refused(Exception):
    """The service answered with an error; `body` is its problem document."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.body: Json = response.json()
        super().__init__(f"{response.status_code} {self.body.get('error_code')}: {self.body.get('message')}")

    @property
    def code(self) -> str:
        return str(self.body.get("error_code"))


class Journey:
    """A job seen from outside."""

    def __init__(self, base_url: str, *, tenant: str = "default", timeout: float = 60.0) -> None:
        self.http = httpx.Client(base_url=base_url, headers={"X-SS-Tenant-ID": tenant}, timeout=timeout)
        self.job_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def _json(self, method: str, path: str, **options: Any) -> Json:
        response = self.http.request(method, path, **options)
        if response.is_error:
            raise Refused(response)
        body: Json = response.json()
        return body

    def _job(self, method: str, path: str = "", **options: Any) -> Json:
        return self._json(method, f"/v1/jobs/{self.job_id}{path}", **options)

    def redeem(self, task_code: str, requirement: str) -> Json:
        body = self._json("POST", "/v1/task-codes/redeem", json={"task_code": task_code, "requirement": requirement})
        self.use(body["job_id"], body["token"])
        return body

    def use(self, job_id: str, token: str) -> None:
        """Go on with a job whose token is known."""
        self.job_id = job_id
        self.http.headers["Authorization"] = f"Bearer {token}"

    def upload(self, *paths: Path, roles: Sequence[str] = ()) -> Json:
        files = [("file", (path.name, path.read_bytes(), "application/octet-stream")) for path in paths]
        data = {"role": list(roles)} if roles else {}
        return self._job("POST", "/inputs/upload", files=files, data=data)

    def preview(self, **query: Any) -> Json:
        return self._job("GET", "/inputs/preview", params=query)

    def draft(self) -> Json:
        return self._job("GET", "/draft/preview")

    def patch(self, **updates: Any) -> Json:
        return self._job("POST", "/draft/patch", json={"field_updates": updates})

    def freeze(self, **body: Any) -> Json:
        plan: Json = self._job("POST", "/plan/freeze", json=body)["plan"]
        return plan

    def plan(self) -> Json:
        plan: Json = self._job("GET", "/plan")["plan"]
        return plan

    def do_file(self) -> str:
        response = self.http.get(f"/v1/jobs/{self.job_id}/plan/do-file")
        if response.is_error:
            raise Refused(response)
        return response.text

    def confirm(self, **body: Any) -> Json:
        return self._job("POST", "/confirm", json={"confirmed": True, **body})

    def run(self) -> Json:
        return self._job("POST", "/run")

    def cancel(self) -> Json:
        return self._job("POST", "/cancel")

    def status(self, wait: float = 0.0) -> Json:
        return self._job("GET", params={"wait": wait} if wait else {})

    def follow(self, tell: Callable[[Json], None] | None = None, *, timeout: float = 300.0) -> Json:
        """Wait for the end of the run; `tell` hears every change on the way. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            job = self.status(wait=5.0)
            if tell is not None:
                tell(job)
            if job["status"] in ENDED:
                return job
        raise TimeoutError(f"the job did not end within {timeout:g} seconds")

    def artifacts(self, **query: Any) -> list[Json]:
        """Every artifact, page by page."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            page = self._job(
                "GET", "/artifacts", params={**query, "limit": 200, **({"cursor": cursor} if cursor else {})}
            )
            found.extend(page["artifacts"])
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def download(self, rel_path: str) -> bytes:
        response = self.http.get(f"/v1/jobs/{self.job_id}/artifacts/{rel_path}")
        if response.is_error:
            raise Refused(response)
        return response.content
