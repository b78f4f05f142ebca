"""The survey design of the data (svyset), kept in their characteristics under Stata's own names."""

from __future__ import annotations

from dataclasses import dataclass

from ssd.engine.data.dataset import Dataset

_NAMES = {
    "weight": "_svy_wvar", "strata": "_svy_strata1", "units": "_svy_su1", "fpc": "_svy_fpc1", "vce": "_svy_vce",
    "single": "_svy_singleunit",
}  # fmt: skip


@dataclass(frozen=True)
class SurveySettings:
    """Variables of the first stage; empty where none is set."""

    weight: str = ""
    weight_kind: str = "pweight"
    strata: str = ""
    units: str = ""
    """Primary sampling units; empty for the observations themselves."""
    fpc: str = ""
    """Sampling rates, or numbers of units in the population of each stratum."""
    vce: str = "linearized"
    single: str = "missing"
    """What a stratum with one unit does: missing, certainty, scaled or centered."""

    @property
    def variables(self) -> list[str]:
        return [name for name in (self.weight, self.strata, self.units, self.fpc) if name]


def survey_settings(data: Dataset) -> SurveySettings | None:
    """What svyset declared, or None. Variables dropped since then count as not set."""
    if "_svy_version" not in data.chars:
        return None
    known = {key: data.chars.get(name, "") for key, name in _NAMES.items()}
    for key in ("weight", "strata", "units", "fpc"):
        if known[key] not in data.variables:
            known[key] = ""
    return SurveySettings(weight_kind=data.chars.get("_svy_wtype", "pweight"), **known)


def store_survey_settings(data: Dataset, settings: SurveySettings | None) -> None:
    for name in (*_NAMES.values(), "_svy_version", "_svy_wtype", "_svy_stages"):
        data.chars.pop(name, None)
    if settings is None:
        return
    data.chars.update({"_svy_version": "2", "_svy_stages": "1"})
    if settings.weight:
        data.chars["_svy_wtype"] = settings.weight_kind
    for key, name in _NAMES.items():
        if value := getattr(settings, key):
            data.chars[name] = value
