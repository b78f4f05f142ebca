"""`ssd library`."""

from __future__ import annotations

import argparse
import sys

from ssd.settings import load_settings
from ssd.templates.commands import run


def library(arguments: argparse.Namespace) -> int:
    """Build, check, cover or show; the work is in `ssd.templates.commands`."""
    configured = None if arguments.folder else load_settings().library_dir
    return run(arguments, sys.stdout, configured)
