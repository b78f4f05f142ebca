"""Words of ordinary sentences, which seldom name a column."""

from __future__ import annotations

from typing import Final

NOT_COLUMNS: Final = frozenset(
    {
        "a", "an", "and", "or", "the", "of", "on", "in", "by", "for", "to", "with", "from", "as", "at", "is", "are",
        "be", "was", "were", "do", "does", "did", "how", "what", "which", "who", "i", "we", "it", "its", "this", "that",
        "these", "those", "if", "than", "then", "not", "no", "between", "across", "among", "within", "over", "after",
        "before", "using", "use", "used", "effect", "effects", "impact", "affect", "affects", "model", "models",
        "regression", "data", "dataset", "sample", "variable", "variables", "group", "groups", "mean", "means",
        "average", "difference", "differences", "compare", "control", "controls", "controlling", "fixed", "standard",
        "error", "errors", "want", "know", "test", "tests", "more", "less", "level", "levels", "each", "per", "all",
        "me", "my", "our", "their", "his", "her", "any", "other", "have", "has", "can", "will", "rate", "rates",
        "number", "percent", "percentage", "total", "value", "index", "one", "two", "three", "first", "people",
        "please", "there", "whether", "when", "where"
    }
)  # fmt: skip
"""Such a word names a column only when the column is called so and is written like a name."""
