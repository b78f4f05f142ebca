"""The one way to a language model: admitted by the controls, recorded in the ledger, paid from a reservation.

No other module talks to a provider or writes the ledger; tests/unit/llm/test_boundaries.py checks it.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import anyio
import anyio.to_thread
import msgspec
import structlog

from ssd.db.clock import iso_in, now_iso
from ssd.db.database import Database
from ssd.db.durable import storage_error
from ssd.errors import SsdError
from ssd.llm import admission, answers, cache, controls, evidence, ledger, prompts, settlement
from ssd.llm.conversation import CallFailure, Exchange, worst_cost
from ssd.llm.models import ABANDONED, CallStatus, LlmOutcome, LlmRequest
from ssd.llm.prices import Prices
from ssd.llm.providers.protocol import Provider
from ssd.llm.providers.retry import RetryPolicy
from ssd.llm.redaction import Redactor
from ssd.settings import Settings

T = TypeVar("T", bound=msgspec.Struct)
W = TypeVar("W")
Downstream = Callable[[sqlite3.Connection, LlmOutcome[Any]], None]

logger = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 180.0
JANITOR_SECONDS: Final = 60.0
"""Leases of calls under way are renewed as often as lapsed ones are looked for, well inside their length."""


class Gateway:
    """Every call to a model. Make one with `Gateway.configured`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        providers: list[Provider],
        prices: Prices,
        redactor: Redactor,
        evidence_folder: evidence.EvidenceFolder,
        list_evidence: evidence.ListEvidence | None = None,
    ) -> None:
        self.boot_id = secrets.token_hex(8)
        self._settings = settings
        self._database = database
        self._providers = {provider.name: provider for provider in providers}
        self._prices = prices
        self._redactor = redactor
        self._evidence_folder = evidence_folder
        self._list_evidence = list_evidence
        self._policy = RetryPolicy(
            settings.llm_max_attempts,
            settings.llm_retry_backoff_base_seconds,
            settings.llm_retry_backoff_max_seconds,
        )
        self._under_way: dict[str, asyncio.Future[LlmOutcome[Any]]] = {}

    @classmethod
    def configured(
        cls,
        settings: Settings,
        database: Database,
        evidence_folder: evidence.EvidenceFolder,
        list_evidence: evidence.ListEvidence | None = None,
    ) -> Gateway | None:
        """The gateway to the providers the settings name; None when they name none.

        Raises SETTINGS_INVALID when a key, address or model is missing, LLM_MODEL_UNPRICED.
        """
        if settings.llm_provider == "none" and settings.llm_fallback_provider == "none":
            return None
        # The HTTP client is 40 ms and 3 MB of start-up that a server without a provider does not need.
        from ssd.llm.providers.configured import configured_providers

        prices = Prices.load(settings.llm_prices_file)
        providers = configured_providers(settings, prices)
        keys = [key.reveal() for key in (settings.llm_api_key, settings.llm_fallback_api_key) if key is not None]
        return cls(settings, database, providers, prices, Redactor(keys), evidence_folder, list_evidence)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Close what an earlier server left, then look after leases while the block runs."""
        await self.tidy()
        async with anyio.create_task_group() as group:
            group.start_soon(self._tidy_again_and_again)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await self.close()

    async def close(self) -> None:
        """Close the connections to the providers."""
        for provider in self._providers.values():
            await provider.close()

    async def tidy(self) -> list[str]:
        """Renew the leases of calls under way, abandon lapsed ones, trim the cache; the ids of the abandoned."""

        def unit(connection: sqlite3.Connection) -> list[str]:
            ledger.renew(connection, list(self._under_way), iso_in(seconds=LEASE_SECONDS))
            closed = settlement.abandon_lapsed(connection, boot_id=self.boot_id, settings=self._settings)
            cache.trim(connection, now=now_iso(), max_entries=self._settings.llm_cache_max_entries)
            return closed

        abandoned = await self._database.write(unit)
        for call_id in abandoned:
            logger.warning("SS_LLM_CALL_ABANDONED", call_id=call_id)
        return abandoned

    async def call(self, request: LlmRequest[T], *, downstream: Downstream | None = None) -> LlmOutcome[T]:
        """Ask the model.

        `downstream` writes what the caller keeps of the outcome in the transaction that settles the call;
        it runs on the writer's thread and not for a replayed outcome, whose record exists already. What it
        raises is raised here, and then the call counts as failed.

        Raises LLM_REQUEST_INVALID, LLM_REQUEST_CONFLICT, LLM_REQUEST_IN_PROGRESS, LLM_BLOCKED (members
        block_reason, call_id), LLM_CALL_FAILED (failure_reason, call_id), LLM_RESPONSE_INVALID (the same).
        """
        request.validate()
        if self._redactor.text(request.request_id) != request.request_id:
            raise SsdError("LLM_REQUEST_INVALID", "request_id looks like a secret; choose another.")
        call = _Call(request, downstream, prompts.render(request, self._redactor), self._claim(request))
        finished: asyncio.Future[LlmOutcome[Any]] = asyncio.get_running_loop().create_future()
        self._under_way[call.call_id] = finished
        try:
            outcome = await self._follow(call)
        except BaseException as error:
            told = await self._told(call, error)
            finished.set_exception(told if isinstance(told, SsdError) else SsdError("LLM_CALL_FAILED"))
            finished.exception()  # Perhaps nobody waits for it.
            if told is error:
                raise
            raise told from None
        else:
            finished.set_result(outcome)
            return outcome
        finally:
            del self._under_way[call.call_id]

    def _claim(self, request: LlmRequest[Any]) -> ledger.Claim:
        return ledger.Claim(
            call_id=f"llm_{secrets.token_hex(13)}",
            scope=request.scope,
            operation=request.operation,
            request_id=request.request_id,
            content_hash=prompts.content_hash(request),
            job_id=request.job_id,
            schema_version=request.schema_version,
            boot_id=self.boot_id,
            lease_until=iso_in(seconds=LEASE_SECONDS),
            started_at=now_iso(),
        )

    async def _follow(self, call: _Call[T]) -> LlmOutcome[T]:
        application = self._application(call)
        decision = await self._admission(call, application)
        match decision:
            case admission.Replay():
                return self._replayed(call, decision)
            case admission.InProgress(call_id=call_id):
                return await self._joined(call_id)
            case admission.Blocked(reason=reason):
                logger.info("SS_LLM_CALL_BLOCKED", reason=reason, **_names(call))
                message = f"The call to the model was stopped: {reason}."
                raise SsdError("LLM_BLOCKED", message, block_reason=reason, call_id=call.call_id)
            case admission.Hit(answer=answer):
                return await self._from_cache(call, answer)
            case admission.Admitted():
                return await self._from_provider(call, application, decision)

    async def _admission(self, call: _Call[T], application: admission.Application) -> admission.Admission:
        call.pending = True
        try:
            decision = await self._database.write(
                lambda connection: admission.decide(connection, application, self._settings)
            )
        except Exception:
            call.pending = False  # The unit was undone. When the caller goes away it is not: then the row stays.
            raise
        call.pending = isinstance(decision, admission.Hit | admission.Admitted)
        return decision

    def _application(self, call: _Call[T]) -> admission.Application:
        tier = call.request.tier
        models = [provider.model(tier) for provider in self._providers.values()]
        worst = worst_cost(call.prompt, models, self._max_output_tokens(call.request), self._prices)
        candidates = tuple(
            admission.Candidate(name, provider.model(tier), cache.key(call.request, call.prompt.fields, model))
            for (name, provider), model in zip(self._providers.items(), models, strict=True)
        )
        return admission.Application(
            claim=call.claim,
            request=call.request,
            candidates=candidates,
            worst_first=worst.first,
            worst_with_repair=worst.with_repair,
        )

    def _replayed(self, call: _Call[T], replay: admission.Replay) -> LlmOutcome[T]:
        if replay.value is None:
            raise SsdError("LLM_REQUEST_CONFLICT", "The outcome of this request was erased with its job.")
        earlier = replay.call
        return LlmOutcome(
            value=answers.value_of(replay.value, call.request),
            call_id=earlier.call_id,
            provider=earlier.provider or "",
            model=earlier.model or "",
            cost_microcents=earlier.cost_microcents,
            input_tokens=earlier.input_tokens,
            output_tokens=earlier.output_tokens,
            cached=earlier.cached,
            replayed=True,
        )

    async def _joined(self, call_id: str) -> LlmOutcome[Any]:
        """The outcome of the same request, which this server is working on."""
        finished = self._under_way.get(call_id)
        if finished is None:
            raise SsdError("LLM_REQUEST_IN_PROGRESS", headers={"Retry-After": "5"}, call_id=call_id)
        return msgspec.structs.replace(await asyncio.shield(finished), replayed=True)

    async def _from_cache(self, call: _Call[T], answer: cache.Cached) -> LlmOutcome[T]:
        outcome = LlmOutcome(
            value=answers.value_of(answer.value, call.request),
            call_id=call.call_id,
            provider=answer.provider,
            model=answer.model,
            cost_microcents=0,
            input_tokens=0,
            output_tokens=0,
            cached=True,
        )
        closing = self._closing(call, CallStatus.SUCCESS, provider=answer.provider, model=answer.model, cached=True)
        return await self._succeed(call, closing, outcome, answer.value, cache_key=None)

    async def _from_provider(
        self, call: _Call[T], application: admission.Application, admitted: admission.Admitted
    ) -> LlmOutcome[T]:
        exchange = Exchange(
            call.request,
            call.prompt,
            [self._providers[name] for name in admitted.providers],
            prices=self._prices,
            redactor=self._redactor,
            policy=self._policy,
            reserved=admitted.reserved,
            max_output_tokens=self._max_output_tokens(call.request),
            timeout_seconds=admitted.timeout_seconds,
            deadline_seconds=self._deadline(call.request, admitted.timeout_seconds),
            still_allowed=self._is_allowed,
        )
        call.exchange = exchange
        logger.info("SS_LLM_CALL_START", **_names(call))
        await self._on_disk(evidence.write_prompt, self._folder(call), exchange.transcript())
        value, content = await exchange.run()
        outcome = LlmOutcome(
            value=value,
            call_id=call.call_id,
            provider=exchange.provider or "",
            model=exchange.model or "",
            cost_microcents=exchange.cost,
            input_tokens=exchange.usage.total_input,
            output_tokens=exchange.usage.output_tokens,
            turns=exchange.turns,
        )
        closing = self._closing(call, CallStatus.SUCCESS)
        key = next(item.cache_key for item in application.candidates if item.provider == exchange.provider)
        return await self._succeed(call, closing, outcome, content, cache_key=key)

    # --- how calls end ---

    async def _succeed(
        self, call: _Call[T], closing: ledger.Closing, outcome: LlmOutcome[T], value: str, *, cache_key: str | None
    ) -> LlmOutcome[T]:
        """One transaction: money, roll-ups, breaker, cache, ledger row, and what the caller keeps."""
        call.answered = True
        files = await self._write_evidence(call, closing, value)
        ending = self._ending(call, closing, value=value, cache_key=cache_key)

        def unit(connection: sqlite3.Connection) -> None:
            if not settlement.close(connection, ending, self._settings):
                raise SsdError("LLM_CALL_FAILED", call_id=call.call_id, failure_reason=ABANDONED)
            self._show_evidence(connection, call, files)
            if call.downstream is not None:
                call.downstream(connection, outcome)

        await self._database.write(unit)
        _log_done(call, closing)
        return outcome

    async def _told(self, call: _Call[Any], error: BaseException) -> BaseException:
        """What the caller is told of `error`; a row that is still pending is closed and what it held is free."""
        reason, words = _failure(error, answered=call.answered)
        message = self._redactor.text(words)
        if call.pending:
            closing = self._closing(call, CallStatus.FAILED, reason=reason, error_message=message)
            with anyio.CancelScope(shield=True):
                await self._fail(call, closing)
        if not isinstance(error, CallFailure):
            return error
        code = "LLM_CALL_FAILED" if error.provider_trouble else "LLM_RESPONSE_INVALID"
        return SsdError(code, message, failure_reason=reason, call_id=call.call_id)

    async def _fail(self, call: _Call[Any], closing: ledger.Closing) -> None:
        ending = self._ending(call, closing)
        closed = await self._database.write(lambda connection: settlement.close(connection, ending, self._settings))
        if closed:
            _log_done(call, closing)
            await self._keep_failure(call, closing)

    async def _keep_failure(self, call: _Call[Any], closing: ledger.Closing) -> None:
        try:
            files = await self._write_evidence(call, closing, "")
            if files and self._list_evidence is not None:
                await self._database.write(lambda connection: self._show_evidence(connection, call, files))
        except (OSError, SsdError) as error:
            # The ledger has the failure; a full disk must not hide it behind another.
            logger.warning("SS_LLM_EVIDENCE_LOST", call_id=call.call_id, reason=type(error).__name__)

    def _closing(self, call: _Call[Any], status: CallStatus, **known: Any) -> ledger.Closing:
        exchange = call.exchange
        if exchange is not None:
            known = {
                "provider": exchange.provider,
                "model": exchange.model,
                "cost": exchange.cost,
                "usage": exchange.usage,
                "provider_attempts": exchange.attempts,
            } | known
        duration = settlement.duration_ms(call.claim.started_at)
        return ledger.Closing(status=status, ended_at=now_iso(), duration_ms=duration, **known)

    def _ending(self, call: _Call[Any], closing: ledger.Closing, **known: Any) -> settlement.Ending:
        return settlement.Ending(
            call_id=call.call_id,
            scope=call.request.scope,
            operation=call.request.operation,
            job_id=call.request.job_id,
            closing=closing,
            verdicts=call.exchange.verdicts if call.exchange else {},
            **known,
        )

    # --- evidence ---

    async def _write_evidence(
        self, call: _Call[Any], closing: ledger.Closing, value: str
    ) -> list[evidence.EvidenceFile]:
        """`value` stands for the response of a call that asked no provider."""
        exchange = call.exchange
        prompt = exchange.transcript() if exchange else call.prompt.text()
        response = exchange.answered() if exchange else value
        meta = evidence.Meta(
            llm_call_id=call.call_id,
            operation=call.request.operation,
            started_at=call.claim.started_at,
            ended_at=closing.ended_at,
            duration_ms=closing.duration_ms,
            ok=closing.status is CallStatus.SUCCESS,
            provider=closing.provider,
            model=closing.model,
            temperature=self._settings.llm_temperature,
            seed=self._settings.llm_seed,
            prompt_fingerprint=evidence.fingerprint(prompt),
            response_fingerprint=evidence.fingerprint(response) if response else None,
            input_tokens=closing.usage.total_input,
            output_tokens=closing.usage.output_tokens,
            cost=closing.cost,
            error_type=closing.reason,
            error_message=closing.error_message,
            attempts=closing.provider_attempts,
            cached=closing.cached,
        )
        begun = exchange is not None
        return await self._on_disk(evidence.write_all, self._folder(call), prompt, response, meta, begun)

    def _show_evidence(
        self, connection: sqlite3.Connection, call: _Call[Any], files: list[evidence.EvidenceFile]
    ) -> None:
        job_id = call.request.job_id
        if self._list_evidence is not None and job_id is not None and files:
            self._list_evidence(connection, job_id, call.call_id, files)

    async def _on_disk(self, write: Callable[..., W], folder: Path, *content: Any) -> W:
        try:
            return await anyio.to_thread.run_sync(write, folder, *content)
        except OSError as error:
            raise storage_error(error) from error

    def _folder(self, call: _Call[Any]) -> Path:
        return self._evidence_folder(call.request.job_id, call.call_id)

    # --- limits ---

    def _max_output_tokens(self, request: LlmRequest[Any]) -> int:
        return request.max_output_tokens or self._settings.llm_max_output_tokens

    def _deadline(self, request: LlmRequest[Any], timeout_seconds: float) -> float:
        """The request's own, else what every try of every provider in every round adds up to."""
        if request.deadline_seconds is not None:
            return request.deadline_seconds
        each = timeout_seconds + self._settings.llm_retry_backoff_max_seconds
        rounds = 2 * request.max_turns
        return each * self._settings.llm_max_attempts * len(self._providers) * rounds

    async def _is_allowed(self, provider: str) -> bool:
        now = await controls.current(self._database, self._settings)
        return now.shutoff is None and not now.kills(provider)

    async def _tidy_again_and_again(self) -> None:
        while True:
            await anyio.sleep(JANITOR_SECONDS)
            try:
                await self.tidy()
            except (sqlite3.Error, SsdError):
                logger.exception("SS_LLM_JANITOR_FAILED")


class _Call(msgspec.Struct, Generic[T]):
    """One call on its way through the gateway."""

    request: LlmRequest[T]
    downstream: Downstream | None
    prompt: prompts.Prompt
    claim: ledger.Claim
    exchange: Exchange[T] | None = None
    pending: bool = False
    """Whether the ledger row of this call may be waiting for its end."""
    answered: bool = False
    """Whether there is a valid answer, which only needs to be kept."""

    @property
    def call_id(self) -> str:
        return self.claim.call_id


def _failure(error: BaseException, *, answered: bool) -> tuple[str, str]:
    """(reason, words) of the ledger for what ended a call."""
    if isinstance(error, CallFailure):
        return error.reason, error.message
    if isinstance(error, asyncio.CancelledError):
        return ABANDONED, "The caller went away."
    stage = "not_kept" if answered else "internal"
    if isinstance(error, SsdError):
        return f"{stage}:{error.code}", error.message
    words = "What the caller does with the answer failed." if answered else "The call failed inside the service."
    return f"{stage}:{type(error).__name__}", words


def _log_done(call: _Call[Any], closing: ledger.Closing) -> None:
    logger.info(
        "SS_LLM_CALL_DONE",
        **_names(call),
        status=closing.status,
        reason=closing.reason,
        cached=closing.cached,
        cost=closing.cost,
        duration_ms=closing.duration_ms,
    )


def _names(call: _Call[Any]) -> dict[str, Any]:
    """What a log line calls a call by."""
    request = call.request
    return {
        "call_id": call.call_id,
        "operation": request.operation,
        "tenant_id": request.scope.tenant_id,
        "job_id": request.job_id,
    }
