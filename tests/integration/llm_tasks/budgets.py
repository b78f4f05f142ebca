"""Data with a known best division of a budget, and independent checks of an optimum."""

from __future__ import annotations

import math

HALF = {"tv": 40.0, "web": 10.0}
SCALE = {"tv": 300.0, "web": 120.0}


def response(name: str, spend: float) -> float:
    return 50.0 + SCALE[name] * math.log1p(spend / HALF[name])


def campaign_csv(rows: int = 40) -> bytes:
    """Spend and response of two channels without noise: the curves can be found exactly."""
    lines = ["tv_spend,tv_sales,web_spend,web_sales"]
    for number in range(rows):
        tv, web = 5.0 + (number * 13) % 97, 1.0 + (number * 7) % 41
        lines.append(f"{tv},{response('tv', tv):.12f},{web},{response('web', web):.12f}")
    return ("\n".join(lines) + "\n").encode()


def best_by_search(budget: float, steps: int = 200_000) -> tuple[float, float]:
    """(spend on tv, gain) by trying divisions of the whole budget one by one."""
    best = max(range(steps + 1), key=lambda k: _gain(budget * k / steps, budget))
    tv = budget * best / steps
    return tv, _gain(tv, budget)


def _gain(tv: float, budget: float) -> float:
    web = budget - tv
    return SCALE["tv"] * math.log1p(tv / HALF["tv"]) + SCALE["web"] * math.log1p(web / HALF["web"])
