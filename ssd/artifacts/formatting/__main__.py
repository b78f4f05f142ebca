"""`python -m ssd.artifacts.formatting REQUEST.json`: write the formats asked for; print the files made."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from ssd.artifacts.formatting.report import ReportRequest, read_sections
from ssd.artifacts.formatting.writers import WRITERS


def main() -> None:
    request = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=ReportRequest)
    folder = Path(request.folder)
    sections = read_sections(request)
    made = [path.name for kind in request.formats for path in WRITERS[kind](request, sections, folder)]
    sys.stdout.write(msgspec.json.encode(made).decode() + "\n")


if __name__ == "__main__":
    main()
