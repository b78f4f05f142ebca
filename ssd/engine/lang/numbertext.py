"""Numbers as the text that macros hold."""

from __future__ import annotations

from ssd.engine.missing import MISSING, missing_name


def number_text(value: float) -> str:
    """The text Stata stores in a macro for `local x = value`: up to 16 significant digits, no leading zero."""
    if not value < MISSING:
        return missing_name(value)
    if value == int(value) and abs(value) < 1e17:
        return str(int(value))
    magnitude = abs(value)
    if magnitude >= 1e18 or magnitude < 1e-6:
        mantissa, exponent = f"{value:.11e}".split("e")
        sign = exponent[0]
        return f"{mantissa}e{sign}{exponent[1:].lstrip('0').zfill(2)}"
    text = f"{value:.16g}"
    if "e" in text:
        text = f"{value:.22f}".rstrip("0").rstrip(".")
    if text.startswith("0."):
        return text[1:]
    if text.startswith("-0."):
        return "-" + text[2:]
    return text


def value_text(value: float | str) -> str:
    """Text of an expression's value, number or string."""
    return value if isinstance(value, str) else number_text(float(value))
