"""What tokens cost: a dated table per model, in whole micro-cents per million tokens."""

from __future__ import annotations

import re
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import msgspec

from ssd.errors import SsdError
from ssd.llm.models import Usage

_PER: Final = 1_000_000
_DATED: Final = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")
_Amount = Annotated[int, msgspec.Meta(ge=0)]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Micro-cents per million tokens of one model."""

    date: date
    """When the provider's price page said so."""
    input: _Amount
    cached_input: _Amount
    cache_write: _Amount
    output: _Amount

    def cost(self, usage: Usage) -> int:
        """Micro-cents of `usage`, rounded up, so that many small calls never cost more than was counted."""
        total = (
            usage.input_tokens * self.input
            + usage.cached_input_tokens * self.cached_input
            + usage.cache_write_tokens * self.cache_write
            + usage.output_tokens * self.output
        )
        return -(-total // _PER)

    def worst(self, input_tokens: int, output_tokens: int) -> int:
        """Micro-cents when every input token costs the most an input token can."""
        dearest = max(self.input, self.cached_input, self.cache_write)
        return -(-(input_tokens * dearest + output_tokens * self.output) // _PER)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: dict[str, Price]


class Prices:
    """The prices of all models known here."""

    def __init__(self, models: dict[str, Price]) -> None:
        self._models = models

    @classmethod
    def load(cls, extra: Path | None = None) -> Prices:
        """The table shipped with ssd, with `extra` (the same format) laid over it.

        Raises SETTINGS_INVALID when `extra` cannot be read.
        """
        shipped = msgspec.toml.decode((resources.files("ssd.llm") / "prices.toml").read_bytes(), type=_Table)
        models = dict(shipped.models)
        if extra is not None:
            try:
                models.update(msgspec.toml.decode(extra.read_bytes(), type=_Table).models)
            except (OSError, msgspec.MsgspecError) as error:
                raise SsdError("SETTINGS_INVALID", f"SS_LLM_PRICES_FILE {extra.name}: {error}.") from error
        return cls(models)

    def of(self, model: str) -> Price:
        """The price of a model; a dated name falls back to the undated one. Raises LLM_MODEL_UNPRICED."""
        price = self._models.get(model) or self._models.get(_DATED.sub("", model))
        if price is None:
            raise SsdError("LLM_MODEL_UNPRICED", f"The model {model!r} has no price.", model=model)
        return price

    def __contains__(self, model: str) -> bool:
        return model in self._models or _DATED.sub("", model) in self._models
