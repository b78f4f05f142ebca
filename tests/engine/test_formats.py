"""Display formats: what Stata prints for %w.dg, %w.df, %w.de, dates and strings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd.engine.errors import StataError
from ssd.engine.missing import EXTENDED, MISSING
from ssd.engine.output.formats import format_column, format_value, is_format


@pytest.mark.parametrize(
    ("value", "fmt", "text"),
    [
        (0.65153125, "%10.0g", " .65153125"), (57.25, "%4.1f", "57.2"), (1 / 3, "%9.0g", " .3333333"),
        (3.14159265, "%9.0g", " 3.141593"), (12345678.0, "%9.0g", " 1.23e+07"), (9999999.0, "%9.0g", "  9999999"),
        (123456789.0, "%10.0g", " 1.235e+08"), (0.0000149, "%9.0g", " .0000149"), (0.00000966, "%9.0g", " 9.66e-06"),
        (-1 / 3, "%9.0g", "-.3333333"), (6165.257, "%8.0gc", " 6,165.3"), (15906.0, "%8.0gc", "  15,906"),
        (0.5, "%9.2f", "     0.50"), (1234567.891, "%14.2fc", "  1,234,567.89"), (5.0, "%05.0f", "00005"),
        (12.0, "%-8.0g", "12      "), (1234.5, "%9.2e", " 1.23e+03"), (MISSING, "%9.0g", "        ."),
        (EXTENDED[1], "%4.0f", "  .a"), (1.0, "%21x", "+1.0000000000000X+000"), (0.1, "%21x", "+1.999999999999aX-004"),
        (0.0, "%9.0g", "        0"), (100.0, "%9.0g", "      100"), (2.5, "%8.0g", "     2.5"),
        (1234.5, "%9,2f", "  1234,50"),
    ],
)  # fmt: skip
def test_numbers(value: float, fmt: str, text: str) -> None:
    assert format_value(value, fmt) == text


@pytest.mark.parametrize(
    ("value", "fmt", "text"),
    [
        (0.0, "%td", "01jan1960"),
        (21915.0, "%tdCCYY-NN-DD", "2020-01-01"),
        (21915.0, "%tdDay_Month_dd,_CCYY", "Wed January 1, 2020"),
        (720.0, "%tm", "2020m1"),
        (164.0, "%tq", "2001q1"),
        (3223.0, "%tw", "2021w52"),
        (121.0, "%th", "2020h2"),
        (2020.0, "%ty", "2020"),
        (0.0, "%tc", "01jan1960 00:00:00"),
        (90061000.0, "%tcHH:MM:SS", "01:01:01"),
        (46800000.0, "%tchh:MM_am", "1:00 pm"),
        (-1.0, "%td", "31dec1959"),
        (MISSING, "%td", "."),
        (21915.0, "%d", "01jan2020"),
        (21915.0, "%tdnn/dd/YY", "1/1/20"),
        (721.0, "%tmCCYY-NN", "2020-02"),
    ],
)
def test_dates(value: float, fmt: str, text: str) -> None:
    assert format_value(value, fmt) == text


def test_strings_align_by_display_width() -> None:
    assert format_value("ab", "%5s") == "   ab"
    assert format_value("ab", "%-5s") == "ab   "
    assert format_value("ab", "%~6s") == "  ab  "
    assert format_value("中", "%4s") == "  中"


def test_columns_format_like_values() -> None:
    values = np.array([1.0, 2.5, MISSING, 1.0])
    assert format_column(values, "%6.1f") == [format_value(value, "%6.1f") for value in values.tolist()]


def test_wrong_formats_are_refused() -> None:
    assert not is_format("%zz")
    with pytest.raises(StataError) as caught:
        format_value(1.0, "%zz")
    assert caught.value.rc == 120
    with pytest.raises(StataError) as caught:
        format_value(1.0, "%9s")
    assert caught.value.rc == 109


@given(st.floats(-1e300, 1e300), st.integers(8, 14))
def test_general_format_never_exceeds_its_width_and_keeps_the_value(value: float, width: int) -> None:
    text = format_value(value, f"%{width}.0g")
    assert len(text) <= width + (1 if abs(value) >= 1e100 or 0 < abs(value) < 1e-99 else 0)
    assert float(text) == pytest.approx(
        value, rel=0.6 * 10.0 ** -max(width - 8, 0), abs=1e-6 if abs(value) < 1e-5 else 0
    )
