"""From `POST run` to the start of the child, against a bare spawn of the same command."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.measure import ROOT, Result
from ssd.demo.journey import Journey
from ssd.demo.server import LocalServer

ROUNDS = 30

_STAND_IN = """#!/bin/sh
# Notes when it was started, then behaves like a Stata that finds no data; the probe is answered.
date +%s%N >> {starts}
if grep -q 'SSD|engine|' run.do; then
    printf '. display\\nSSD|engine|18|MP\\n\\nend of do-file\\n' > run.log
else
    printf '. use nosuch\\nfile nosuch not found\\nr(601);\\n\\nend of do-file\\nr(601);\\n' > run.log
fi
"""


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = folder / "starts"
        program = folder / "stata-stand-in"
        program.write_text(_STAND_IN.format(starts=starts))
        program.chmod(0o755)
        (folder / "run.do").write_text("display 1\n")
        environment = {"SS_STATA_CMD": str(program), "SS_SANDBOX": "off", "SS_LOG_LEVEL": "warning"}
        ours, theirs = [], []
        with LocalServer(folder / "data", environment) as server, Journey(server.base_url) as journey:
            journey.redeem(server.issue_code(), "What is the effect of educ on lwage, controlling for exper?")
            journey.upload(ROOT / "library" / "regression" / "ols" / "example" / "data.csv")
            journey.draft()
            journey.freeze()
            for _ in range(ROUNDS):
                starts.unlink(missing_ok=True)
                begin = time.time_ns()
                journey.run()
                journey.follow()
                ours.append((int(starts.read_text().split()[0]) - begin) / 1e6)
                starts.unlink()
                begin = time.time_ns()
                subprocess.run([str(program), "-b", "do", "run.do"], cwd=folder, check=True)
                theirs.append((int(starts.read_text().split()[0]) - begin) / 1e6)
    mine, other = statistics.median(ours), statistics.median(theirs)
    return [
        Result(
            "`POST run` → child started",
            f"{mine:.1f} ms median",
            f"bare spawn: {other:.1f} ms median",
            f"+{mine - other:.1f} ms",
            "≤ +15 ms",
            mine - other <= 15,
        )
    ]
