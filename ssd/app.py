"""Wiring: which parts one server has, in which order they start and stop, and which routes it serves."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio.to_thread
import structlog
from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from ssd.access.admin_accounts import Administrators
from ssd.access.rate_limit import RateLimit
from ssd.access.service import TaskCodes
from ssd.artifacts.formatting.service import ReportFormatter
from ssd.artifacts.routes import ArtifactController
from ssd.artifacts.service import Artifacts
from ssd.db.database import DATABASE_NAME, Database
from ssd.drafts.model_reader import ModelReader
from ssd.drafts.routes import DraftController
from ssd.drafts.service import Drafts
from ssd.inputs.routes import InputsController
from ssd.inputs.service import Inputs
from ssd.jobs.erase import finish_deletions
from ssd.jobs.guard import provide_job
from ssd.jobs.llm_evidence import evidence_folder, list_evidence
from ssd.jobs.redeem import Redeeming
from ssd.jobs.routes import JobsController, TaskCodesController
from ssd.jobs.service import Jobs
from ssd.llm.gateway import Gateway
from ssd.llm_tasks.optimizer import Optimizer
from ssd.llm_tasks.routes import LlmTaskController
from ssd.llm_tasks.service import LlmTasks
from ssd.llm_tasks.supervisor import TaskSupervisor
from ssd.llm_tasks.work import TaskWork
from ssd.ops import admin_socket
from ssd.ops.admin.account_routes import LoginController
from ssd.ops.admin.commands import Admin
from ssd.ops.admin.routes import admin_router
from ssd.ops.checks import database_probe, disk_probe, fixed_probe, production_rules, rule_probe
from ssd.ops.envelope import Envelope
from ssd.ops.health import Check, Health
from ssd.ops.llm_checks import llm_probe
from ssd.ops.llm_control import LlmControl
from ssd.ops.llm_records import LlmRecords
from ssd.ops.logs import AccessLog, configure
from ssd.ops.metrics import Metrics
from ssd.ops.openapi import openapi_config
from ssd.ops.ownership import DataFolder
from ssd.ops.problem import EXCEPTION_HANDLERS
from ssd.ops.routes import HealthController, explain_error, metrics_text, welcome
from ssd.ops.run_checks import engine_probe, supervisor_probe
from ssd.ops.system_status import SystemStatusReader
from ssd.plans.advice import ModelAdviser
from ssd.plans.routes import PlanController
from ssd.plans.selection import Selector
from ssd.plans.service import Plans
from ssd.runs.executor import Executor
from ssd.runs.routes import RunController
from ssd.runs.service import Runs
from ssd.runs.supervisor import Supervisor
from ssd.settings import Settings
from ssd.templates.library import Library
from ssd.templates.routes import TemplateController

_BODY_CAP: Final = 1024 * 1024
"""For every route that does not name its own."""

ROUTES: Final[list[ControllerRouterHandler]] = [
    TaskCodesController,
    JobsController,
    InputsController,
    DraftController,
    PlanController,
    RunController,
    ArtifactController,
    LlmTaskController,
    TemplateController,
    LoginController,
    admin_router(),
    HealthController,
    metrics_text,
    welcome,
    explain_error,
]


class Services:
    """The parts of one server. Those below `metrics` exist while it serves."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.health: Health
        self.database: Database
        self.task_codes: TaskCodes
        self.redeem_limit: RateLimit
        self.administrators: Administrators
        self.login_limit: RateLimit
        self.llm_control: LlmControl
        self.llm_records: LlmRecords
        self.system_status: SystemStatusReader
        self.redeeming: Redeeming
        self.jobs: Jobs
        self.gateway: Gateway | None
        """None when no provider is configured; then the rule planner does the work."""
        self.inputs: Inputs
        self.drafts: Drafts
        self.plans: Plans
        self.supervisor: Supervisor
        self.runs: Runs
        self.artifacts: Artifacts
        self.task_supervisor: TaskSupervisor | None
        self.llm_tasks: LlmTasks
        self.library: Library

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Own the data folder, open the store, start every part; the reverse when the block is left."""
        async with AsyncExitStack() as stack:
            folder = DataFolder.own(self.settings.data_dir)
            stack.callback(folder.release)
            self.database = await Database.open(self.settings.data_dir / DATABASE_NAME)
            stack.push_async_callback(self.database.close)
            self.library = await anyio.to_thread.run_sync(Library.load, self.settings.library_dir)
            self._make_parts()
            if self.gateway is not None:
                await stack.enter_async_context(self.gateway.serving())
            await finish_deletions(self.jobs)
            await self.inputs.sweep_all()
            await self.plans.mend_all()
            await stack.enter_async_context(
                admin_socket.serving(self.settings.data_dir, Admin(self.task_codes, self.llm_control))
            )
            self._register_checks()
            # What lives from here to the end need never be looked at by the collector again.
            gc.collect()
            gc.freeze()
            stack.callback(gc.unfreeze)
            await stack.enter_async_context(self.supervisor.serving())
            if self.task_supervisor is not None:
                await stack.enter_async_context(self.task_supervisor.serving())
            yield

    def _make_parts(self) -> None:
        settings, database = self.settings, self.database
        self.jobs = Jobs(database, settings.data_dir)
        shown = list_evidence if settings.expose_llm_evidence else None
        self.gateway = Gateway.configured(settings, database, evidence_folder(settings.data_dir), shown)
        self.inputs = Inputs(database, self.jobs, settings)
        selector, gateway = Selector(self.library), self.gateway
        adviser = ModelAdviser(gateway, database, self.library, selector) if gateway else None
        self.drafts = Drafts(
            database,
            self.jobs,
            self.inputs,
            self.library,
            selector,
            reader=ModelReader(gateway, database) if gateway else None,
            adviser=adviser,
        )
        self.plans = Plans(
            database,
            self.jobs,
            self.inputs,
            self.library,
            self.drafts,
            timeout_seconds=settings.run_timeout_seconds,
            adviser=adviser,
        )
        executor = Executor(settings, database, self.jobs, self.inputs, self.plans, ReportFormatter())
        self.supervisor = Supervisor(settings, database, self.jobs, executor)
        self.runs = Runs(database, self.jobs, self.plans, self.supervisor)
        self.artifacts = Artifacts(database, self.jobs)
        self.task_supervisor = None
        if gateway is not None:
            optimizer = Optimizer(settings)
            work = TaskWork(gateway, database, self.jobs, self.inputs, self.library, self.plans, optimizer)
            self.task_supervisor = TaskSupervisor(database, work.do)
        self.llm_tasks = LlmTasks(database, self.jobs, self.inputs, self.task_supervisor)
        self.task_codes = TaskCodes(database)
        self.redeem_limit = RateLimit(settings.redeem_rate_per_minute)
        self.redeeming = Redeeming(database, token_ttl_days=settings.token_ttl_days)
        self.administrators = Administrators(database, session_hours=settings.admin_session_hours)
        self.login_limit = RateLimit(settings.admin_login_rate_per_minute)
        self.llm_control = LlmControl(database, settings)
        self.llm_records = LlmRecords(database, evidence_folder(settings.data_dir))

    def _register_checks(self) -> None:
        self.health = Health()
        self.health.register("database", database_probe(self.database))
        self.health.register("disk", disk_probe(self.settings.data_dir, self.settings.min_free_disk_mb))
        self.health.register("supervisor", supervisor_probe(self.supervisor))
        self.health.register("stata", engine_probe(self.supervisor))
        self.health.register("llm", llm_probe(self.database, self.settings))
        self.health.register("template_library", rule_probe(self._library_check))
        for name, check in production_rules(self.settings).items():
            self.health.register(name, fixed_probe(check))
        self.system_status = SystemStatusReader(
            self.settings, self.database, self.health, self.supervisor, self.library
        )

    def _library_check(self) -> Check:
        count = len(self.library.templates)
        if count == 0:
            return Check(ok=False, detail="the library holds no templates")
        current = "current" if self.library.index_is_current else "stale: run `ssd library build`"
        return Check(ok=self.library.index_is_current, detail=f"{count} templates; index {current}")


_PROVIDED: Final[dict[str, type[Any]]] = {
    "settings": Settings,
    "metrics": Metrics,
    "health": Health,
    "database": Database,
    "task_codes": TaskCodes,
    "redeem_limit": RateLimit,
    "redeeming": Redeeming,
    "administrators": Administrators,
    "login_limit": RateLimit,
    "llm_control": LlmControl,
    "llm_records": LlmRecords,
    "system_status": SystemStatusReader,
    "jobs": Jobs,
    "inputs": Inputs,
    "drafts": Drafts,
    "plans": Plans,
    "runs": Runs,
    "artifacts": Artifacts,
    "llm_tasks": LlmTasks,
    "library": Library,
}
"""Attributes of `Services` that handlers may ask for by name."""


def _provide(services: Services, name: str, kind: type[Any]) -> Provide:
    def part() -> Any:
        return getattr(services, name)

    part.__annotations__ = {"return": kind}
    return Provide(part, sync_to_thread=False)


def build_app(settings: Settings) -> Litestar:
    """The application. Nothing is opened before its lifespan begins.

    Its lifespan raises DATA_FOLDER_LOCKED, DATABASE_CORRUPT, DATABASE_TOO_NEW or LIBRARY_INVALID.
    """
    services = Services(settings)
    access_log = AccessLog(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        configure(settings.log_level)
        async with services.serving():
            structlog.get_logger().info("SS_SERVER_STARTED", env=settings.env)
            yield
            begin_shutdown(app)
        access_log.flush()
        structlog.get_logger().info("SS_SERVER_STOPPED")

    app = Litestar(
        route_handlers=ROUTES,
        dependencies={name: _provide(services, name, kind) for name, kind in _PROVIDED.items()}
        | {"job": Provide(provide_job)},
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[lifespan],
        openapi_config=openapi_config(),
        request_max_body_size=_BODY_CAP,
        logging_config=None,
        debug=False,
    )
    app.state.services = services
    app.state.envelope = Envelope(app.asgi_handler, services.metrics, access_log)
    app.asgi_handler = app.state.envelope
    return app


def begin_shutdown(app: Litestar) -> None:
    """Answer new requests with SERVICE_SHUTTING_DOWN and let streams and waiting reads end. May be called twice."""
    app.state.envelope.stopping = True
    app.state.services.jobs.stop_listening()
