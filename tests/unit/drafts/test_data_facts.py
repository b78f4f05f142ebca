"""What a prompt says of the data."""

from __future__ import annotations

import msgspec

from ssd.drafts.data_facts import columns_of, data_facts
from ssd.inputs.models import ColumnProfile, DatasetProfile, PanelGuess


def column(name: str, label: str = "", header: str | None = None) -> ColumnProfile:
    return ColumnProfile(header or name, name, "number", "double", "%9.0g", label, 3, 17, -12345.678, 98765.432,
                         ["SECRET-EXAMPLE", "424242"], {"1": "SECRET-LABEL"})  # fmt: skip


def profile(*columns: ColumnProfile) -> DatasetProfile:
    return DatasetProfile(
        100, len(columns), list(columns), [PanelGuess("firm", "year", 10, 10, True)],
        sample_rows=[{"wage": "SECRET-ROW"}],
    )  # fmt: skip


def test_names_types_and_counts_are_told_and_no_value():
    facts = data_facts(profile(column("wage", "hourly wage", "Wage $")), "wage")
    text = msgspec.json.encode(facts).decode()
    assert '"missing":3' in text
    assert '"unique":17' in text
    assert "hourly wage" in text
    for value in ("SECRET", "424242", "12345", "98765"):
        assert value not in text


def test_many_columns_are_ranked_by_the_requirement():
    columns = [column(f"v{n}") for n in range(300)] + [column("wage", "hourly wage"), column("firm"), column("year")]
    facts = data_facts(profile(*columns), "what drives the hourly wage?", most=20)
    names = [item.name for item in facts.columns]
    assert len(names) == 20
    assert {"wage", "firm", "year"} <= set(names)
    assert facts.columns_not_shown == 283


def test_columns_left_out_of_the_prompt_can_still_be_named():
    known = columns_of(profile(column("wage"), column("学历", header="最高学历")))
    assert known.resolve("最高学历") == "学历"
    assert known.resolve("WAGE") == "wage"
    assert known.resolve("wages") is None
    assert known.near("wages") == ["wage"]
