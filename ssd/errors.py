"""The error catalogue: every failure a client can see has a stable code, a status, a title and a hint."""

from __future__ import annotations

from typing import Any, Final

import msgspec


class ErrorKind(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    code: str
    status: int
    title: str
    hint: str
    retryable: bool = False


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one field of a request."""

    field: str
    message: str
    value_hint: str | None = None


def _kinds(*rows: tuple[str, int, str, str] | tuple[str, int, str, str, bool]) -> dict[str, ErrorKind]:
    return {row[0]: ErrorKind(*row) for row in rows}


CATALOGUE: Final[dict[str, ErrorKind]] = _kinds(
    # --- requests ---
    ("INPUT_VALIDATION_FAILED", 400, "The request is not valid", "Correct the fields listed in errors."),
    ("NOT_FOUND", 404, "There is nothing at this address", "Business lives under /v1; see /schema."),
    ("METHOD_NOT_ALLOWED", 405, "The method is not allowed here", "See /schema for the methods of this address."),
    ("REQUEST_TOO_LARGE", 413, "The request body is too large", "Send less, or use the upload endpoint for data."),
    ("RATE_LIMITED", 429, "Too many requests", "Wait for the time named in Retry-After.", True),
    (
        "SERVICE_INTERNAL_ERROR",
        500,
        "The service failed",
        "Try again; report the request_id if it happens again.",
        True,
    ),
    ("SERVICE_SHUTTING_DOWN", 503, "The service is shutting down", "Try again in a minute.", True),
    ("STORAGE_FULL", 507, "The disk is full", "The operator must free space; then try again.", True),
    # --- access ---
    (
        "TENANT_ID_UNSAFE",
        400,
        "The tenant id is not valid",
        "Use letters, digits, dot, underscore, hyphen; at most 64.",
    ),
    ("AUTH_BEARER_TOKEN_MISSING", 401, "A job token is needed", "Send Authorization: Bearer ssv1.<job_id>.<secret>."),
    (
        "AUTH_BEARER_TOKEN_INVALID",
        401,
        "The Authorization header is not a job token",
        "Send Bearer ssv1.<job_id>.<secret>.",
    ),
    ("AUTH_TOKEN_INVALID", 403, "The job token is not valid", "Redeem the task code again for a new token."),
    ("AUTH_TOKEN_EXPIRED", 403, "The job token has expired", "Redeem the task code again for a new token."),
    ("AUTH_TOKEN_FORBIDDEN", 403, "The token belongs to another job or tenant", "Use the token of this job."),
    ("TASK_CODE_INVALID", 400, "The task code is blank", "Give the task code you received."),
    ("TASK_CODE_NOT_FOUND", 404, "The task code is not known", "Check the spelling, or ask for a new code."),
    ("TASK_CODE_EXPIRED", 400, "The task code has expired", "Ask for a new code."),
    ("TASK_CODE_REVOKED", 400, "The task code was revoked", "Ask for a new code."),
    ("TASK_CODE_REDEEM_CONFLICT", 409, "The task code is being redeemed", "Try again.", True),
    (
        "ADMIN_BEARER_TOKEN_MISSING",
        401,
        "An administrator's token is needed",
        "Log in at /api/admin/auth/login; send Authorization: Bearer ssa1.<token_id>.<secret>.",
    ),
    (
        "ADMIN_BEARER_TOKEN_INVALID",
        401,
        "The Authorization header is not an administrator's token",
        "Send Bearer ssa1.<token_id>.<secret>.",
    ),
    ("ADMIN_CREDENTIALS_INVALID", 401, "The user name or the password is wrong", "Check both and try again."),
    ("ADMIN_TOKEN_INVALID", 403, "The administrator's token is not valid", "Log in again."),
    ("ADMIN_TOKEN_NOT_FOUND", 404, "There is no such administrator's token", "See GET /api/admin/tokens."),
    # --- jobs ---
    ("JOB_NOT_FOUND", 404, "The job does not exist", "Check the job id."),
    ("JOB_LOCKED", 409, "The job can no longer be changed", "Reopen the job to change inputs, draft or plan."),
    (
        "JOB_ILLEGAL_TRANSITION",
        409,
        "The job is not in a state that allows this",
        "See status for what the job is doing.",
    ),
    ("JOB_VERSION_CONFLICT", 409, "The job was changed meanwhile", "Read the job and try again.", True),
    # --- inputs ---
    ("INPUT_ROLE_COUNT_MISMATCH", 400, "There are not as many roles as files", "Give one role for each file, or none."),
    (
        "INPUT_FILENAME_COUNT_MISMATCH",
        400,
        "There are not as many file names as files",
        "Give one name for each file, or none.",
    ),
    ("INPUT_EMPTY_FILE", 400, "The file is empty", "Upload a file with a header row and data."),
    ("INPUT_FILENAME_UNSAFE", 400, "The file name is not safe", "Use a plain file name without folders."),
    ("INPUT_UNSUPPORTED_FORMAT", 400, "The file format is not supported", "Upload .csv, .xlsx, .xls or .dta."),
    (
        "INPUT_ROLE_INVALID",
        400,
        "The role is not known",
        "Use primary_dataset, secondary_dataset, auxiliary_data or other.",
    ),
    ("INPUT_DATASET_KEY_CONFLICT", 400, "The same file was sent twice", "Send each file once."),
    (
        "INPUT_PRIMARY_DATASET_MISSING",
        400,
        "No file is the primary dataset",
        "Mark exactly one file as primary_dataset.",
    ),
    (
        "INPUT_PRIMARY_DATASET_MULTIPLE",
        400,
        "Several files are the primary dataset",
        "Mark exactly one file as primary_dataset.",
    ),
    ("INPUT_PARSE_FAILED", 400, "The file cannot be read", "Open it in the program that made it and save it again."),
    ("INPUT_ENCRYPTED", 400, "The file is protected by a password", "Remove the password and upload the file again."),
    ("INPUT_SHEET_NOT_FOUND", 400, "The workbook has no such sheet", "Choose one of the sheets listed."),
    ("INPUT_DATASET_NOT_FOUND", 404, "The job has no such dataset", "See datasets in the preview for the keys."),
    ("INPUTS_MISSING", 409, "The job has no inputs yet", "Upload the data first."),
    (
        "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED",
        413,
        "The file is too large",
        "Split the file or ask the operator to raise the limit.",
    ),
    # --- drafts, plans ---
    ("DRAFT_MISSING", 409, "There is no draft yet", "Read the draft preview first."),
    ("DRAFT_CONFIRM_BLOCKED", 400, "Open questions block the confirmation", "Answer the fields listed."),
    (
        "CONTRACT_COLUMN_NOT_FOUND",
        400,
        "A named variable is not in the data",
        "Choose one of the near matches or see the preview.",
    ),
    ("TEMPLATE_NOT_FOUND", 404, "The template does not exist", "See /v1/templates."),
    ("TEMPLATE_RENDER_FAILED", 500, "The do-file could not be made", "Report the request_id."),
    ("PLAN_MISSING", 409, "There is no plan yet", "Freeze the plan first."),
    ("PLAN_FREEZE_MISSING_REQUIRED", 400, "Something the plan needs is missing", "Follow next_actions."),
    ("PLAN_ALREADY_FROZEN_CONFLICT", 409, "Another plan is already queued", "Reopen the job to change the plan."),
    (
        "OUTPUT_FORMATS_INVALID",
        400,
        "An output format is not known",
        "Use csv, xlsx, dta, docx, pdf, html, tex, log or do.",
    ),
    # --- runs ---
    (
        "STATA_RETURN_CODE",
        500,
        "Stata stopped with an error",
        "Read the command and message; correct the data or the plan.",
    ),
    ("STATA_TIMEOUT", 500, "The run took too long", "Reduce the data or the model, or ask for a higher limit."),
    ("STATA_KILLED", 500, "Stata was ended from outside", "Run again.", True),
    ("STATA_OUT_OF_MEMORY", 500, "Stata ran out of memory", "Reduce the data or ask for a higher limit."),
    ("STATA_LICENSE", 500, "Stata has no valid licence", "The operator must renew the licence."),
    ("STATA_DEPENDENCY_MISSING", 500, "A Stata package is missing", "The operator installs it; then run again."),
    ("STATA_SUBPROCESS_FAILED", 500, "Stata could not be started", "The operator checks `ssd doctor`.", True),
    ("STATA_LOG_INCOMPLETE", 500, "The log ends too early", "Run again.", True),
    ("OUTPUTS_CONTRACT_UNMET", 500, "A promised output is missing", "See the near misses; report the template."),
    ("CANCELLED", 409, "The run was cancelled", "Run again when you wish."),
    (
        "INTERRUPTED",
        500,
        "The run was interrupted by a restart",
        "It is queued again by itself while attempts are left.",
        True,
    ),
    # --- artifacts ---
    ("ARTIFACT_PATH_UNSAFE", 400, "The artifact path is not safe", "Use a rel_path from the artifacts list."),
    ("ARTIFACT_NOT_FOUND", 404, "The artifact does not exist", "Use a rel_path from the artifacts list."),
    ("RANGE_NOT_SATISFIABLE", 416, "The range lies outside the file", "Ask for bytes inside size_bytes."),
    # --- language models ---
    ("LLM_REQUEST_INVALID", 400, "The request to the model is not valid", "Correct what the message names."),
    ("LLM_SCOPE_MISSING", 500, "A model call names no tenant or user", "Report the request_id."),
    (
        "LLM_REQUEST_CONFLICT",
        409,
        "The request_id was used for another content",
        "Send the same content again, or choose a new request_id.",
    ),
    ("LLM_REQUEST_IN_PROGRESS", 409, "The same request is being worked on", "Ask again in a moment.", True),
    ("LLM_BLOCKED", 503, "A control stopped the call to the model", "See block_reason; ask the operator.", True),
    ("LLM_CALL_FAILED", 502, "The model provider failed", "Try again; the operator can see the reason.", True),
    (
        "LLM_RESPONSE_INVALID",
        502,
        "The model gave no valid answer",
        "Try again, or say more plainly what is wanted.",
        True,
    ),
    ("LLM_NOT_CONFIGURED", 503, "No language model is configured", "The operator sets SS_LLM_PROVIDER and its key."),
    (
        "LLM_MODEL_UNPRICED",
        500,
        "The configured model has no price",
        "Choose a model with a price, or add one in the file SS_LLM_PRICES_FILE names.",
    ),
    ("LLM_TASK_NOT_FOUND", 404, "The job has no such task", "See the list of llm-tasks of the job."),
    (
        "LLM_TASK_RUN_MISSING",
        409,
        "There is no run the task could be about",
        "Run the plan to its end, or name a run_id of this job.",
    ),
    (
        "LLM_TASK_OPTIMUM_MISSING",
        400,
        "The budget could not be optimized",
        "Correct what the message names: channels, limits or data.",
    ),
    # --- start-up and operation ---
    ("SETTINGS_INVALID", 500, "A setting is not valid", "Correct the environment variable named."),
    (
        "DATA_FOLDER_LOCKED",
        500,
        "Another process owns the data folder",
        "Stop the other server or choose another SS_DATA_DIR.",
    ),
    ("ADDRESS_UNAVAILABLE", 500, "The service cannot listen there", "Set SS_HOST and SS_PORT to a free address."),
    ("DATABASE_CORRUPT", 500, "The database is damaged", "Restore the last backup; keep the damaged file."),
    ("DATABASE_TOO_NEW", 500, "The database was made by a newer version", "Install the newer version of ssd."),
    ("LIBRARY_INVALID", 500, "The template library is not valid", "Run `ssd library check`."),
    (
        "PRODUCTION_GATE_VIOLATED",
        500,
        "A rule of production mode is violated",
        "Set what the message names, or use local mode.",
    ),
)


class SsdError(Exception):
    """A failure with a code of the catalogue.

    `message` is safe to show to any client. `members` are code-specific fields of the error body.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.kind = CATALOGUE[code]
        self.code = code
        self.message = message or self.kind.title
        self.errors = errors
        self.headers = headers or {}
        self.members = members
        super().__init__(f"{code}: {self.message}")
