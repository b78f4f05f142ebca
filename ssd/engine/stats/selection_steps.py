"""Stepwise choice of terms by p-values (Stata [R] stepwise, Description and Remarks).

The search is independent of the model: `included(chosen)` gives the p-value of each chosen term in the
model of those terms; the p-value of a term outside is the one it has once added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

PValues = Callable[[Sequence[int]], dict[int, float]]


@dataclass
class Search:
    """Terms are numbers 0 … terms - 1; `chosen` is in the order they stand in the model."""

    terms: int
    included: PValues
    remove_at: float | None
    """pr(): a term with p at or above it is removed."""
    enter_below: float | None
    """pe(): a term with p below it is added."""
    locked: bool = False
    """Term 0 always stays."""
    chosen: list[int] = field(default_factory=list)
    steps: list[tuple[str, int, float]] = field(default_factory=list)
    """("removing" or "adding", term, its p-value)."""

    def remove(self) -> bool:
        """Take out the least significant term when it is insignificant; False when none is."""
        if self.remove_at is None:
            return False
        found = {j: p for j, p in self.included(self.chosen).items() if not (self.locked and j == 0)}
        if not found:
            return False
        worst = max(found, key=lambda j: found[j])
        if found[worst] < self.remove_at:
            return False
        self.chosen.remove(worst)
        self.steps.append(("removing", worst, found[worst]))
        return True

    def add(self) -> bool:
        """Add the most significant term outside when it is significant; False when none is."""
        if self.enter_below is None:
            return False
        outside = [j for j in range(self.terms) if j not in self.chosen]
        found = {j: self.included([*self.chosen, j])[j] for j in outside}
        if not found:
            return False
        best = min(found, key=lambda j: found[j])
        if found[best] >= self.enter_below:
            return False
        self.chosen.append(best)
        self.steps.append(("adding", best, found[best]))
        return True

    def run(self, *, forward: bool) -> None:
        """Forward from the empty model (or the locked term), else backward from the full model.

        With one threshold only its direction is followed. With both, two steps of the starting direction
        come first, then both directions in turn until neither changes the model; pr() above pe() makes
        that end.
        """
        lead, other = (self.add, self.remove) if forward else (self.remove, self.add)
        self.chosen = ([0] if self.locked else []) if forward else list(range(self.terms))
        if not (lead() and lead()):
            return
        while True:
            moved = other()
            if not lead() and not moved:
                return
