"""Unexpected Python exceptions become Stata return codes; their tracebacks go to a file, never to the log."""

from __future__ import annotations

import errno
import hashlib
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.lang.calls import ExitLevel, ExitSession, LoopBreak, LoopContinue

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SIGNALS = (StataError, LoopContinue, LoopBreak, ExitLevel, ExitSession)
_NOT_A_NUMBER: Final = re.compile(r"(?:could not convert string to float|invalid literal for int\(\).*?): '(.*)'")
"""What float() and int() say of a word that a command took for a number."""


@contextmanager
def as_stata_error(session: Session) -> Iterator[None]:
    """Raise the return code of what went wrong, r(9999) at worst, in place of a Python exception."""
    try:
        yield
    except _SIGNALS:
        raise
    except MemoryError as error:
        raise StataError(950, "insufficient memory") from error
    except RecursionError as error:
        raise StataError(1000, "system limit exceeded") from error
    except FileNotFoundError as error:
        raise StataError(601, f"file {error.filename or ''} not found") from error
    except (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise StataError(603, f"file {error.filename or ''} could not be opened") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise StataError(603, f"file {error.filename or ''} could not be opened") from error
        raise StataError(691, "I/O error") from error
    except np.linalg.LinAlgError as error:
        # A matrix of the data that cannot be inverted or factored where the command did not expect it.
        raise StataError(506, "matrix not positive definite") from error
    except ArithmeticError as error:
        # A quotient or a power that has no value, as Stata reports it when it cannot go on.
        raise StataError(1400, "numerical overflow") from error
    except ValueError as error:
        found = _NOT_A_NUMBER.search(str(error))
        if found is None:
            raise StataError(9999, record_fault(session, error)) from error
        raise StataError(7, f"'{found[1]}' found where number expected") from error
    except Exception as error:
        raise StataError(9999, record_fault(session, error)) from error


def record_fault(session: Session, error: Exception) -> str:
    """Write the traceback to `engine-fault-<id>.txt` in the starting folder; the message for the log."""
    text = "".join(traceback.format_exception(error))
    identity = hashlib.sha256(text.encode()).hexdigest()[:10]
    folder = session.root or session.folder
    path = folder / f"engine-fault-{identity}.txt"
    call = session.calls[-1] if session.calls else None
    where = f"{call.file}, line {call.line}: {call.text}\n\n" if call else ""
    path.write_text(where + text, encoding="utf-8")
    return f"internal fault {identity} of the engine\nits details are in {path.name}"
