"""Stata service daemon: from a research question and a dataset to reproducible Stata results."""

from __future__ import annotations

__version__ = "0.1.0"
