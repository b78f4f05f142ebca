"""The font of a graph: one that has Chinese, Japanese and Korean characters when the words need them."""

from __future__ import annotations

from typing import Final

CJK_FAMILIES: Final = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "SimSun",
    "PingFang SC",
    "Heiti SC",
    "Hiragino Sans GB",
    "Noto Serif CJK SC",
    "AR PL UMing CN",
    "AR PL UKai CN",
    "Droid Sans Fallback",
    "Arial Unicode MS",
    "Noto Sans CJK JP",
    "Noto Sans CJK TC",
)


def needs_cjk(texts: list[str]) -> bool:
    """Some character is Chinese, Japanese or Korean (or a full-width form)."""
    return any(
        0x2E80 <= ord(letter) <= 0x9FFF or 0xAC00 <= ord(letter) <= 0xD7AF or 0xF900 <= ord(letter) <= 0xFFEF
        for text in texts
        for letter in text
    )


def cjk_family() -> str | None:
    """An installed family that can draw Chinese, or None."""
    from matplotlib import font_manager

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((family for family in CJK_FAMILIES if family in installed), None)
