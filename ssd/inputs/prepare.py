"""The preparation child: `python -m ssd.inputs.prepare request.json`.

Reads one uploaded file and writes Stata data and a result. It is a process of its own so that the server
never loads numeric libraries, and so that a file made to crash or exhaust a reader harms only this child.
The exit status is 0 when a result was written, whether it tells of success or of a named failure.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
from pathlib import Path

import msgspec

from ssd.inputs.models import PreparationOutcome, PreparationRequest


def main(arguments: list[str]) -> int:
    request = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=PreparationRequest)
    _limit(request)
    outcome = prepare(request)
    Path(request.result_path).write_bytes(msgspec.json.encode(outcome))
    return 0


def _limit(request: PreparationRequest) -> None:
    """Memory and processor limits; no core file. Threads of the libraries are bounded, for each reserves memory."""
    if request.memory_mb:
        size = request.memory_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    if request.cpu_seconds:
        resource.setrlimit(resource.RLIMIT_CPU, (request.cpu_seconds, request.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def prepare(request: PreparationRequest) -> PreparationOutcome:
    """Read, write the .dta, describe. Failures that a researcher can act on are returned, not raised."""
    from ssd.engine.errors import StataError
    from ssd.inputs.preparation.source import PreparationError

    try:
        return _prepare(request)
    except PreparationError as error:
        return PreparationOutcome(error_code=error.code, message=error.message, members=error.members)
    except StataError as error:
        # Only writing can raise it here; the reader's own are named where they arise.
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
            return PreparationOutcome(error_code="STORAGE_FULL", message="There is no space for the prepared data.")
        raise
    except MemoryError:
        return PreparationOutcome(
            error_code="INPUT_PARSE_FAILED", message="Reading the file needs more memory than is allowed."
        )


def _prepare(request: PreparationRequest) -> PreparationOutcome:
    from ssd.engine.data.dta import write_dta
    from ssd.inputs.preparation.profile import profile_of

    path = Path(request.input_path)
    source = None
    if request.format == "dta":
        from ssd.inputs.preparation.stata import read_stata

        prepared = read_stata(path)
    else:
        from ssd.inputs.preparation.table import build

        if request.format == "csv":
            from ssd.inputs.preparation.delimited import read_delimited

            source = read_delimited(path)
        else:
            from ssd.inputs.preparation.workbook import read_workbook

            source = read_workbook(path, request.sheet)
        prepared = build(source)
    profile = profile_of(prepared, source)
    write_dta(prepared.data, Path(request.output_path), timestamp="")
    return PreparationOutcome(profile=profile)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
