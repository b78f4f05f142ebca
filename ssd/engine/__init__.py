"""The embedded Stata-language engine of ssd. It is not Stata and never claims to be."""

from typing import Final

NAME: Final = "ssd-engine"
VERSION: Final = "0.1.0"
