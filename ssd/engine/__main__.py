"""`python -m ssd.engine`."""

from ssd.engine.cli import main

raise SystemExit(main())
