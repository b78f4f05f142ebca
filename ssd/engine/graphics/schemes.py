"""Schemes: the overall look of graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ssd.engine.errors import StataError


@dataclass(frozen=True)
class Scheme:
    """Colours of successive plots and the furniture around them."""

    palette: tuple[str, ...]
    background: str = "#ffffff"
    plot_region: str = "#ffffff"
    grid: str = "#e3e3e3"
    grid_x: bool = False
    box: bool = False
    """Frame the plot region on all sides."""
    patterns: tuple[str, ...] = ("solid",)
    symbols: tuple[str, ...] = ("o",)
    fill: float = 1.0
    """Opacity of filled areas and bars."""
    legend_right: bool = False


_S2 = (
    "#1a476f",
    "#90353b",
    "#55752f",
    "#e37e00",
    "#6e8e84",
    "#c10534",
    "#938dd2",
    "#cac27e",
    "#a0522d",
    "#7b92a8",
)
_ST = (
    "#1a85ff",
    "#d41159",
    "#00bf7f",
    "#ffd400",
    "#404040",
    "#e6550d",
    "#756bb1",
    "#31a354",
    "#8c6d31",
    "#843c39",
)
_MONO = ("#000000", "#606060", "#909090", "#404040", "#b0b0b0", "#202020", "#707070", "#a0a0a0")

SCHEMES: Final[dict[str, Scheme]] = {
    "stcolor": Scheme(_ST, legend_right=True),
    "stcolor_alt": Scheme(_ST),
    "stgcolor": Scheme(_ST, legend_right=True),
    "s2color": Scheme(_S2, background="#eaf2f3", grid="#eaf2f3"),
    "s2color8": Scheme(_S2, background="#eaf2f3", grid="#eaf2f3"),
    "s1color": Scheme(_S2, box=True),
    "s2mono": Scheme(_MONO, background="#f0f0f0", grid="#e8e8e8", patterns=("solid", "dash", "dot", "dash_dot")),
    "s1mono": Scheme(
        _MONO,
        box=True,
        patterns=("solid", "dash", "shortdash", "dash_dot", "longdash", "dot"),
        symbols=("o", "oh", "t", "sh", "d", "th"),
    ),
    "s1manual": Scheme(
        _MONO,
        box=True,
        patterns=("solid", "dash", "shortdash", "dash_dot"),
        symbols=("o", "oh", "t", "sh"),
    ),
    "sj": Scheme(_MONO, patterns=("solid", "dash", "shortdash", "dash_dot"), symbols=("o", "oh", "t", "sh")),
}


def scheme(name: str) -> Scheme:
    """A scheme by name. Raises r(111) as Stata does for one it cannot find."""
    if name not in SCHEMES:
        raise StataError(111, f"scheme {name} not found")
    return SCHEMES[name]
