"""Prometheus metrics of one server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ssd.db.database import Database

QUEUE = """
    SELECT
        (SELECT count(*) FROM runs WHERE status = 'queued') AS queued,
        (SELECT count(*) FROM runs WHERE status = 'running') AS running,
        (SELECT min(queued_at) FROM runs WHERE status = 'queued') AS oldest"""


class Metrics:
    """The metrics and the registry they live in: one per application, so that tests do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ssd_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "ssd_http_request_seconds",
            "Time to answer, in seconds; streams until their end.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
        )
        self._queued = Gauge("ssd_queue_depth", "Runs that wait.", registry=self.registry)
        self._running = Gauge("ssd_runs_running", "Runs that are under way.", registry=self.registry)
        self._groups = Gauge("ssd_writer_groups", "Commits since the start.", registry=self.registry)
        self._units = Gauge("ssd_writer_units", "Units of work since the start.", registry=self.registry)

    async def text(self, database: Database) -> bytes:
        """Everything in Prometheus' text format; what lives in the store is read now."""
        row = await database.one(QUEUE)
        if row is not None:
            self._queued.set(row["queued"])
            self._running.set(row["running"])
        self._groups.set(database.writer.groups)
        self._units.set(database.writer.units)
        return generate_latest(self.registry)
