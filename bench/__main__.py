"""`python -m bench [NAME …] [--write]`: run the benchmarks, print both sides, keep the results."""

from __future__ import annotations

import argparse
import importlib
import sys

from bench.measure import HEADER, ROOT, Result, machine, stamp

NAMES = ("job_read", "store_redeem", "run_start", "llm_gateway", "idle", "engine")
RESULTS = ROOT / "bench" / "RESULTS.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--write", action="store_true", help="append the table to bench/RESULTS.md")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results: list[Result] = []
    for name in arguments.names or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        results.extend(importlib.import_module(f"bench.{name}").run())
    table = "\n".join([HEADER, *(result.row() for result in results)])
    print(f"{machine()}; {stamp()}\n\n{table}")
    if arguments.write:
        command = " ".join(["python -m bench", *arguments.names])
        with RESULTS.open("a", encoding="utf-8") as handle:
            handle.write(f"\n## {stamp()}\n\n{machine()}; `{command}`\n\n{table}\n")
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
