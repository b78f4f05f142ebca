"""`python -m tests.engine.case_report [part of an id …] [-v]`: cases that fail, with every mismatch."""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

from tests.engine.casefile import all_cases, execute, problems


def main(arguments: list[str]) -> int:
    verbose = "-v" in arguments
    wanted = [word for word in arguments if not word.startswith("-")]
    warnings.simplefilter("ignore")
    cases = [case for case in all_cases() if not wanted or any(part in case.id for part in wanted)]
    failed = 0
    for case in cases:
        if not case.runnable:
            print(f"skip {case.id}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            execution = execute(case, Path(folder))
            found = problems(case, execution)
            faults = [path.read_text() for path in Path(folder).glob("engine-fault-*.txt")]
        failed += bool(found)
        if found:
            print(f"FAIL {case.id}")
            print("".join(f"       {problem}\n" for problem in found), end="")
            print("".join(fault if verbose else fault.strip().splitlines()[-1] + "\n" for fault in faults), end="")
            if verbose:
                print(execution.output)
    print(f"{len(cases) - failed} of {len(cases)} cases over {len({case.command for case in cases})} commands hold")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
