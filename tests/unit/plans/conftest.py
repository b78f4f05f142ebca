from __future__ import annotations

import pytest

from ssd.templates.library import Library


@pytest.fixture(scope="session")
def library() -> Library:
    return Library.load()
