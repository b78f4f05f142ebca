"""Stata's colour names, patterns, widths, sizes and symbols for matplotlib."""

from __future__ import annotations

import re
from typing import Final

from ssd.engine.errors import StataError

COLORS: Final[dict[str, str]] = {
    "black": "#000000",
    "white": "#ffffff",
    "none": "none",
    "blue": "#0000ff",
    "red": "#ff0000",
    "green": "#008000",
    "navy": "#1a476f",
    "maroon": "#90353b",
    "forest_green": "#55752f",
    "dkorange": "#e37e00",
    "teal": "#6e8e84",
    "cranberry": "#c10534",
    "lavender": "#938dd2",
    "khaki": "#cac27e",
    "sienna": "#a0522d",
    "emidblue": "#7b92a8",
    "emerald": "#2d6d66",
    "brown": "#9c8847",
    "erose": "#bfa19c",
    "gold": "#ffd200",
    "bluishgray": "#d9e6eb",
    "orange": "#ff7f00",
    "yellow": "#ffff00",
    "purple": "#800080",
    "pink": "#ff00ff",
    "magenta": "#ff00ff",
    "cyan": "#00ffff",
    "gray": "#808080",
    "grey": "#808080",
    "ltblue": "#add8e6",
    "midblue": "#0080ff",
    "dknavy": "#1e2d53",
    "dkgreen": "#004000",
    "midgreen": "#00c000",
    "lime": "#32cd32",
    "ltkhaki": "#edebd5",
    "olive": "#808000",
    "orange_red": "#ff4500",
    "edkblue": "#3e647d",
    "eltblue": "#82c0e9",
    "eltgreen": "#bad3b6",
    "ebblue": "#008bbc",
    "stone": "#d8d0b8",
    "sand": "#c2b280",
    "sandb": "#dfd6b7",
    "mint": "#98ff98",
    "ltbluishgray": "#eaf2f3",
    "olive_teal": "#c0dcc0",
    "cranberry_lt": "#d46f8a",
    "foreground": "#000000",
    "background": "#ffffff",
    "stc1": "#1a85ff",
    "stc2": "#d41159",
    "stc3": "#00bf7f",
    "stc4": "#ffd400",
    "stc5": "#404040",
    "stc6": "#e6550d",
    "stc7": "#756bb1",
    "stc8": "#31a354",
    "stblue": "#1a85ff",
    "stred": "#d41159",
    "stgreen": "#00bf7f",
    "styellow": "#ffd400",
} | {f"gs{k}": f"#{k * 16:02x}{k * 16:02x}{k * 16:02x}" if k < 16 else "#ffffff" for k in range(17)}

PATTERNS: Final[dict[str, object]] = {
    "solid": "-",
    "dash": (0, (5, 2.5)),
    "dot": (0, (1, 2)),
    "dash_dot": (0, (5, 2, 1, 2)),
    "shortdash": (0, (3, 2)),
    "shortdash_dot": (0, (3, 2, 1, 2)),
    "longdash": (0, (9, 3)),
    "longdash_dot": (0, (9, 3, 1, 3)),
    "blank": "",
    "vshortdash": (0, (2, 1.5)),
    "l": "-",
    "_": (0, (9, 3)),
    "-": (0, (5, 2.5)),
    ".": (0, (1, 2)),
}

WIDTHS: Final[dict[str, float]] = {
    "none": 0.0,
    "vvthin": 0.3,
    "vthin": 0.4,
    "thin": 0.6,
    "medthin": 0.9,
    "medium": 1.3,
    "medthick": 1.9,
    "thick": 2.6,
    "vthick": 3.5,
    "vvthick": 5.0,
    "vvvthick": 7.0,
}

SYMBOLS: Final[dict[str, tuple[str, bool]]] = {
    "o": ("o", True),
    "circle": ("o", True),
    "d": ("D", True),
    "diamond": ("D", True),
    "t": ("^", True),
    "triangle": ("^", True),
    "s": ("s", True),
    "square": ("s", True),
    "x": ("x", True),
    "+": ("+", True),
    "plus": ("+", True),
    "smcircle": ("o", True),
    "smx": ("x", True),
    "smplus": ("+", True),
    "point": (".", True),
    "p": (".", True),
    "oh": ("o", False),
    "circle_hollow": ("o", False),
    "dh": ("D", False),
    "diamond_hollow": ("D", False),
    "th": ("^", False),
    "triangle_hollow": ("^", False),
    "sh": ("s", False),
    "square_hollow": ("s", False),
    "i": ("None", True),
    "none": ("None", True),
    "v": ("v", True),
    "a": (">", True),
    "smcircle_hollow": ("o", False),
    "smdiamond": ("D", True),
    "smsquare": ("s", True),
    "smtriangle": ("^", True),
}
"""Matplotlib marker and whether it is filled."""

MARKER_SIZES: Final[dict[str, float]] = {
    "vtiny": 1.2,
    "tiny": 1.8,
    "vsmall": 2.6,
    "small": 3.4,
    "medsmall": 4.2,
    "medium": 5.0,
    "medlarge": 6.0,
    "large": 7.2,
    "vlarge": 8.8,
    "huge": 11.0,
    "vhuge": 14.0,
    "ehuge": 18.0,
}

TEXT_SIZES: Final[dict[str, float]] = {
    "zero": 0.0,
    "minuscule": 3.0,
    "quarter_tiny": 3.0,
    "third_tiny": 3.5,
    "half_tiny": 4.0,
    "tiny": 5.0,
    "vsmall": 7.0,
    "small": 8.5,
    "medsmall": 9.5,
    "medium": 10.5,
    "medlarge": 12.0,
    "large": 13.5,
    "vlarge": 15.5,
    "huge": 19.0,
    "vhuge": 24.0,
    "default": 10.0,
}


def color(text: str) -> tuple[str, float]:
    """Hex colour and opacity of a Stata colour style (`navy`, `navy%40`, `gs8*.5`, `"26 133 255"`).

    `%40` alone is the opacity of the colour the scheme gives; the colour is then an empty text.
    Raises r(198) for an unknown colour.
    """
    cleaned = text.strip().strip('"').strip()
    alone = re.fullmatch(r"%(\d+)", cleaned)
    if alone is not None:
        return "", int(alone[1]) / 100
    match = re.fullmatch(r"(.+?)(?:\*([\d.]+))?(?:%(\d+))?", cleaned)
    if match is None:
        raise StataError(198, f"color {text} not found")
    name, intensity, opacity = match[1].strip(), match[2], match[3]
    rgb = re.fullmatch(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})", name)
    if rgb:
        values = [min(255, int(v)) for v in rgb.groups()]
        hexed = "#{:02x}{:02x}{:02x}".format(*values)
    elif re.fullmatch(r"#[0-9a-fA-F]{6}", name):
        hexed = name
    elif name.lower() in COLORS:
        hexed = COLORS[name.lower()]
    else:
        raise StataError(198, f"color {name} not found")
    if intensity and hexed != "none":
        hexed = _intensify(hexed, float(intensity))
    return hexed, int(opacity) / 100 if opacity else 1.0


def _intensify(hexed: str, factor: float) -> str:
    """Below 1 towards white, above 1 towards black."""
    parts = [int(hexed[i : i + 2], 16) for i in (1, 3, 5)]
    mixed = [round(255 - (255 - p) * factor) for p in parts] if factor <= 1 else [round(p / factor) for p in parts]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def line_width(text: str) -> float:
    return _size(text, WIDTHS, 1.3, "linewidth")


def marker_size(text: str) -> float:
    return _size(text, MARKER_SIZES, 5.0, "marker size")


def text_size(text: str) -> float:
    return _size(text, TEXT_SIZES, 10.0, "text size")


def _size(text: str, named: dict[str, float], base: float, what: str) -> float:
    """A named size, `*1.5` of the base, a number, or a number with pt."""
    cleaned = text.strip()
    if cleaned in named:
        return named[cleaned]
    match = re.fullmatch(r"(\*)?([\d.]+)\s*(pt)?", cleaned)
    if match is None:
        raise StataError(198, f"{what} {text} not found")
    value = float(match[2])
    if match[1]:
        return base * value
    return value if match[3] else value * base / 2.0 if what != "linewidth" else value * 2.6


def pattern(text: str) -> object:
    """Line pattern for matplotlib. Raises r(198)."""
    cleaned = text.strip().strip('"')
    if cleaned not in PATTERNS:
        raise StataError(198, f"linepattern {text} not found")
    return PATTERNS[cleaned]


def symbol(text: str) -> tuple[str, bool]:
    """Marker and whether filled. Raises r(198)."""
    cleaned = text.strip().strip('"').lower()
    if cleaned not in SYMBOLS:
        raise StataError(198, f"symbol {text} not found")
    return SYMBOLS[cleaned]
