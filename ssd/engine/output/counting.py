"""Numbers with their nouns, as Stata's messages write them."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 observation`, `5,439 observations`."""
    word = noun if number == 1 else plural or noun + "s"
    return f"{number:,} {word}"
