"""Byte ranges as RFC 9110 has them."""

from __future__ import annotations

import pytest

from ssd.artifacts.ranges import ByteRange, parse_range
from ssd.artifacts.service import check_path
from ssd.errors import SsdError


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-9", ByteRange(0, 9)),
        ("bytes=5-", ByteRange(5, 99)),
        ("bytes=-10", ByteRange(90, 99)),
        ("bytes=-1000", ByteRange(0, 99)),
        ("bytes=90-1000", ByteRange(90, 99)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
    ],
)
def test_a_range_of_a_file_of_100_bytes(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(header: str) -> None:
    with pytest.raises(SsdError) as refused:
        parse_range(header, 100)
    assert refused.value.code == "RANGE_NOT_SATISFIABLE"
    assert refused.value.headers == {"Content-Range": "bytes */100"}


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a\0b", "a/./b", "x" * 2000, "a\u202eb"]
)
def test_an_unsafe_path_is_refused(path: str) -> None:
    with pytest.raises(SsdError) as refused:
        check_path(path)
    assert refused.value.code == "ARTIFACT_PATH_UNSAFE"


def test_a_path_with_chinese_names_is_fine() -> None:
    assert check_path("runs/run_1/01_主模型/结果.csv") == "runs/run_1/01_主模型/结果.csv"
