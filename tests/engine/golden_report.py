"""`python -m tests.engine.golden_report [part of an id …] [-v]`: pass or fail per case, with the first mismatch.

With `--index` it writes `published_cases.tsv`: the cases that are expected to pass and the commands they call.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from ssd.engine.reference import commands_in
from tests.engine.golden import case_files, execute, load, mismatches, pending

INDEX = Path(__file__).with_name("published_cases.tsv")


def write_index() -> None:
    waiting = pending()
    cases = [load(path) for path in case_files()]
    rows = [f"{case['id']}\t{' '.join(commands_in(case['commands']))}" for case in cases if case["id"] not in waiting]
    INDEX.write_text("\n".join(rows) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    if "--index" in arguments:
        write_index()
        return 0
    verbose = "-v" in arguments
    wanted = [word for word in arguments if not word.startswith("-")]
    waiting = pending()
    passed = failed = 0
    warnings.simplefilter("ignore")
    for path in case_files():
        case = load(path)
        if wanted and not any(part in case["id"] for part in wanted):
            continue
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                execution = execute(case, Path(folder))
                problems = mismatches(case, execution)
            except Exception:
                execution = None
                problems = ["the runner itself failed: " + traceback.format_exc()]
            faults = sorted(Path(folder).glob("engine-fault-*.txt"))
            problems += [fault.read_text().strip().splitlines()[-1] for fault in faults]
            if verbose and faults:
                print("\n".join(fault.read_text() for fault in faults))
        passed += not problems
        failed += bool(problems)
        mark = "pass" if not problems else ("wait" if case["id"] in waiting else "FAIL")
        print(f"{mark} {case['id']} ({time.perf_counter() - started:.2f} s)")
        for problem in problems if verbose else problems[:1]:
            print(f"       {problem}")
        if verbose and problems and execution is not None:
            print(execution.output)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
