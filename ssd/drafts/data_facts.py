"""What a prompt says of the data: the profile without values, the most relevant columns where there are many."""

from __future__ import annotations

from typing import Final

from ssd.drafts.mentions import Lexicon
from ssd.inputs.models import ColumnProfile, DatasetProfile
from ssd.llm.operations.columns import ColumnFacts, Columns, DataFacts, PanelFacts
from ssd.templates.search import TextIndex

MOST_COLUMNS: Final = 120
_LONGEST_NAME: Final = 120
_LONGEST_LABEL: Final = 160


def columns_of(profile: DatasetProfile) -> Columns:
    """All columns by every name people use for them."""
    return Columns((column.stata_name, column.original_name) for column in profile.columns)


def data_facts(profile: DatasetProfile, requirement: str, most: int = MOST_COLUMNS) -> DataFacts:
    """Names, types and counts. Never rows, examples, extremes or value labels: those are data."""
    shown = profile.columns if len(profile.columns) <= most else _most_relevant(profile, requirement, most)
    return DataFacts(
        rows=profile.row_count,
        columns=[_facts(column) for column in shown],
        columns_not_shown=len(profile.columns) - len(shown),
        panel=[PanelFacts(g.entity, g.time, g.n_entities, g.n_periods) for g in profile.panel_guesses[:3]],
    )


def _most_relevant(profile: DatasetProfile, requirement: str, most: int) -> list[ColumnProfile]:
    """Columns the text mentions, then units and periods, then those whose words are nearest; in file order."""
    mentioned = [name for mention in Lexicon(profile).mentions(requirement) for name in mention.columns]
    panel = [name for guess in profile.panel_guesses for name in (guess.entity, guess.time)]
    index = TextIndex({c.stata_name: [(f"{c.stata_name} {c.original_name} {c.label}", 1.0)] for c in profile.columns})
    near = [name for name, _ in index.search(requirement)]
    rest = [column.stata_name for column in profile.columns]
    kept = set(list(dict.fromkeys([*mentioned, *panel, *near, *rest]))[:most])
    return [column for column in profile.columns if column.stata_name in kept]


def _facts(column: ColumnProfile) -> ColumnFacts:
    header = column.original_name if column.original_name != column.stata_name else ""
    label = column.label if column.label not in (column.stata_name, column.original_name) else ""
    return ColumnFacts(
        name=column.stata_name,
        type=column.inferred_type,
        missing=column.n_missing,
        unique=column.n_unique,
        header=header[:_LONGEST_NAME],
        label=label[:_LONGEST_LABEL],
    )
