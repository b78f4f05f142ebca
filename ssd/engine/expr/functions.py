"""Every function an expression may call."""

from __future__ import annotations

from typing import Final

from ssd.engine.expr.dates import date_functions
from ssd.engine.expr.distributions import distribution_functions
from ssd.engine.expr.mathematics import mathematical_functions
from ssd.engine.expr.matrices import matrix_functions
from ssd.engine.expr.programming import programming_functions
from ssd.engine.expr.random import random_functions
from ssd.engine.expr.regex import regex_functions
from ssd.engine.expr.registry import Table
from ssd.engine.expr.text import text_functions
from ssd.engine.expr.unicode import unicode_functions

FUNCTIONS: Final[Table] = {
    **mathematical_functions(),
    **distribution_functions(),
    **text_functions(),
    **unicode_functions(),
    **regex_functions(),
    **date_functions(),
    **random_functions(),
    **programming_functions(),
    **matrix_functions(),
}
