"""Options of graph commands: abbreviations, text with sub-options, axis labels."""

from __future__ import annotations

import re
from typing import Final

from ssd.engine.errors import StataError, option_not_allowed, unsupported
from ssd.engine.graphics import colors
from ssd.engine.graphics.model import Axis, Graph, Legend, RefLine, Style, Text, Ticks
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.session import Session


class Options:
    """The options typed; each reader takes what it knows, `finish` refuses the rest."""

    def __init__(self, text: str | None) -> None:
        self.items: list[TypedOption] = read_options(text) if text else []

    def take_all(self, name: str, minimum: int) -> list[TypedOption]:
        """Every occurrence of an option, in order, removed from the list."""
        found = [i for i in self.items if len(i.word) >= minimum and name.startswith(i.word)]
        self.items = [i for i in self.items if i not in found]
        return found

    def take(self, name: str, minimum: int) -> str | None:
        """Value of the last occurrence, or None."""
        found = list(self.take_all(name, minimum))
        if not found:
            return None
        if found[-1].value is None:
            raise StataError(198, f"option {name}() requires an argument")
        return found[-1].value

    def flag(self, name: str, minimum: int) -> bool:
        found = self.take_all(name, minimum)
        if found and found[-1].value is not None:
            raise option_not_allowed(found[-1].named)
        return bool(found)

    def number(self, session: Session, name: str, minimum: int) -> float | None:
        value = self.take(name, minimum)
        return None if value is None else session.evaluate_number(value)

    def refuse(self, name: str, minimum: int) -> None:
        """Raises r(198) when an option was typed that Stata has and this engine does not."""
        if self.take_all(name, minimum):
            raise unsupported(f"{name}()")

    def finish(self) -> None:
        """Raises r(198) for an option nobody took."""
        if self.items:
            raise option_not_allowed(self.items[0].named)


def split_suboptions(text: str) -> tuple[str, Options]:
    """`"text", size(small)` as its text and its sub-options; a comma inside quotes or parentheses does not count."""
    from ssd.engine.lang.quoting import top_level

    for position, char in top_level(text):
        if char == ",":
            return text[:position].strip(), Options(text[position + 1 :])
    return text.strip(), Options(None)


def quoted_lines(text: str) -> str:
    """`"one" "two"` as two lines; unquoted text as it is."""
    if '"' not in text:
        return text.strip()
    return "\n".join(strip_quotes(word) for word in split_words(text, keep_quotes=True))


def read_text(value: str) -> Text:
    """A title with size(), color() and position(); other sub-options that only place it are refused."""
    body, options = split_suboptions(value)
    text = Text(quoted_lines(body))
    size = options.take("size", 2)
    text.size = colors.text_size(size) if size else None
    shade = options.take("color", 3)
    text.color = colors.color(shade)[0] if shade else None
    position = options.take("position", 3)
    justification = options.take("justification", 4)
    text.left = (position or "").strip() in ("7", "8", "10", "11") or (justification or "").strip() == "left"
    # Titles always span the whole graph, so span asks for what is drawn anyway.
    options.flag("span", 4)
    options.refuse("margin", 3)
    options.refuse("ring", 4)
    options.finish()
    return text


def read_ticks(value: str, session: Session, label_name: str = "") -> Ticks:
    """The argument of xlabel() or ylabel(): a rule (`0(10)50`, `#5`, `minmax`, `none`), numbers, texts."""
    body, options = split_suboptions(value)
    ticks = Ticks()
    words = split_words(body, keep_quotes=True)
    position = 0
    while position < len(words):
        word = words[position]
        if word.startswith(('"', '`"')):
            if not ticks.positions:
                raise StataError(198, f"invalid label specifier, : {word} :")
            ticks.texts[-1] = strip_quotes(word)
        elif word.startswith("#"):
            ticks.about = int(session.evaluate_number(word[1:]))
        elif word in ("none", "nolabels", "."):
            ticks.none = word != "."
        elif word == "minmax":
            ticks.about = 2
        elif word == "##":
            raise unsupported("minor tick rules")
        else:
            numbers = parse_numlist(word, missing=False)
            ticks.positions.extend(numbers)
            ticks.texts.extend("" for _ in numbers)
        position += 1
    angle = options.take("angle", 3)
    names = {"horizontal": 0.0, "vertical": 90.0, "rvertical": -90.0, "forty_five": 45.0, "stdarrow": 45.0}
    if angle is not None:
        word = angle.strip()
        # Abbreviations of the words are accepted: ang(h), ang(v).
        named = next((degrees for full, degrees in names.items() if word and full.startswith(word)), None)
        ticks.angle = session.evaluate_number(word) if named is None else named
    size = options.take("labsize", 4)
    ticks.size = colors.text_size(size) if size else None
    if options.flag("nogrid", 6):
        ticks.grid = False
    if options.flag("grid", 4) or options.take("gstyle", 4):
        ticks.grid = True
    if options.flag("valuelabel", 4):
        labels = session.data.value_labels.get(label_name, {})
        ticks.texts = [t or labels.get(int(p), "") for p, t in zip(ticks.positions, ticks.texts, strict=True)]
    ticks.fmt = options.take("format", 3) or ""
    if options.flag("nolabels", 5) or options.flag("nolabel", 5):
        ticks.none = True
    ticks.marks = not options.flag("noticks", 6)
    shade = options.take("labcolor", 4)
    ticks.color = colors.color(shade)[0] if shade else None
    options.refuse("add", 3)
    options.refuse("tlength", 2)
    options.finish()
    return ticks


def read_axis(options: Options, letter: str, axis: Axis, session: Session, label_name: str = "") -> None:
    """xtitle(), xlabel(), xscale(), xline() (or y…) into an axis; `label_name` is what `valuelabel` shows."""
    for name in (f"{letter}title", "ttitle") if letter == "x" else (f"{letter}title",):
        title = options.take(name, 3 if name[0] == letter else 4)
        if title is not None:
            axis.title = read_text(re.sub(r",?\s*axis\(1\)", "", title))
    for name in (f"{letter}label", "tlabel") if letter == "x" else (f"{letter}label",):
        for item in options.take_all(name, 3 if name[0] == letter else 4):
            axis.ticks = read_ticks(item.value or "", session, label_name)
    from ssd.engine.graphics.annotations import read_minor

    read_minor(options, letter, axis, session)
    for name in (f"{letter}line", "tline") if letter == "x" else (f"{letter}line",):
        for item in options.take_all(name, 3 if name[0] == letter else 5):
            body, sub = split_suboptions(item.value or "")
            style = read_style(sub, session)
            sub.finish()
            values = (
                [session.evaluate_number(body)] if re.search(r"[A-Za-z]", body) else parse_numlist(body, missing=False)
            )
            axis.lines.extend(RefLine(v, style) for v in values)
    scale = options.take(f"{letter}scale", 3)
    if scale is not None:
        sub = Options(scale)
        limits = sub.take("range", 1)
        if limits is not None:
            values = parse_numlist(limits, missing=False)
            axis.low, axis.high = min(values), max(values)
        axis.log = sub.flag("log", 3)
        axis.reverse = sub.flag("reverse", 3)
        axis.hidden = sub.flag("off", 3)
        axis.line = not sub.flag("noline", 4)
        for other in ("noextend", "fextend", "alt", "titlegap"):
            sub.refuse(other, 3 if other == "alt" else 4)
        sub.finish()


def read_style(options: Options, session: Session) -> Style:
    """Colours, symbols, patterns and widths common to all plots."""
    style = Style()
    for name, minimum, field in (
        ("color", 3, "color"),
        ("lcolor", 2, "line_color"),
        ("fcolor", 2, "fill_color"),
        ("mcolor", 2, "marker_color"),
        ("mfcolor", 3, "marker_color"),
        ("mlcolor", 3, "marker_color"),
        ("blcolor", 4, "line_color"),
        ("bfcolor", 4, "fill_color"),
        ("bcolor", 2, "fill_color"),
        ("clcolor", 3, "line_color"),
        ("alcolor", 4, "line_color"),
        ("afcolor", 4, "fill_color"),
        ("acolor", 3, "fill_color"),
    ):
        value = options.take(name, minimum)
        if value is not None:
            setattr(style, field, colors.color(split_words(value, keep_quotes=True)[0] if '"' in value else value))
    marker = options.take("msymbol", 2)
    if marker is not None:
        style.marker = colors.symbol(marker.split()[0])
    size = options.take("msize", 4)
    style.marker_size = colors.marker_size(size) if size else None
    for name, minimum in (("lpattern", 2), ("clpattern", 3)):
        value = options.take(name, minimum)
        if value is not None:
            style.pattern = colors.pattern(value.split()[0])
    for name, minimum in (("lwidth", 2), ("clwidth", 3), ("mlwidth", 3), ("blwidth", 4), ("alwidth", 4)):
        value = options.take(name, minimum)
        if value is not None:
            style.width = colors.line_width(value.split()[0])
    width = options.number(session, "barwidth", 4)
    style.bar_width = width
    intensity = options.number(session, "fintensity", 4)
    style.opacity = intensity / 100 if intensity is not None else None
    return style


def read_legend(value: str, session: Session, legend: Legend) -> None:
    """The argument of legend()."""
    options = Options(value)
    if options.flag("off", 3):
        legend.shown = False
    if options.flag("on", 2):
        legend.shown = True
    order = options.take("order", 2)
    if order is not None:
        legend.order = []
        for word in split_words(order, keep_quotes=True):
            if word.startswith('"') and legend.order:
                key, before = legend.order[-1]
                text = strip_quotes(word)
                legend.order[-1] = (key, text if before is None else f"{before}\n{text}")
            elif word == "-":
                raise unsupported("legend(order(-))")
            else:
                legend.order.append((int(session.evaluate_number(word)), None))
    for item in options.take_all("label", 3):
        words = split_words(item.value or "", keep_quotes=True)
        if len(words) >= 2:
            legend.labels[int(session.evaluate_number(words[0]))] = "\n".join(strip_quotes(w) for w in words[1:])
    for name, field in (("rows", "rows"), ("cols", "cols"), ("position", "position"), ("ring", "ring")):
        placed = options.number(session, name, 3 if name != "ring" else 4)
        if placed is not None:
            setattr(legend, field, int(placed))
    size = options.take("size", 4)
    legend.size = colors.text_size(size) if size else None
    title = options.take("title", 5)
    legend.title = read_text(title).text if title else ""
    region = options.take("region", 3)
    if region is not None:
        _read_legend_region(region, legend)
    width = options.number(session, "symxsize", 4)
    legend.key_width = width / _KEY_WIDTH if width is not None else None
    # Keys fill the columns first in any case.
    options.flag("colfirst", 4)
    for other in ("symysize", "bmargin", "margin", "keygap", "span", "bplacement", "stack"):
        options.refuse(other, 4)
    options.finish()


_KEY_WIDTH: Final = 13.0
"""symxsize() of Stata's own schemes."""


def _read_legend_region(value: str, legend: Legend) -> None:
    """Outline and filling of the legend's box."""
    region = Options(value)
    edge, fill = region.take("lcolor", 2), region.take("fcolor", 2)
    both = region.take("color", 3)
    line, style = region.take("lwidth", 2), region.take("lstyle", 2)
    region.refuse("margin", 3)
    region.finish()
    if style is not None and style.strip() != "none":
        raise unsupported("legend(region(lstyle()))")
    bare = "none" in (word.strip() for word in (edge or both, line, style) if word)
    legend.edge = None if bare or not (edge or both) else colors.color(edge or both or "")[0]
    legend.fill = colors.color(fill or both or "")[0] if fill or both else None


def read_graph(options: Options, graph: Graph, session: Session) -> None:
    """Titles, legend, scheme, size and regions."""
    for name, minimum, field in (
        ("title", 3, "title"),
        ("subtitle", 3, "subtitle"),
        ("note", 4, "note"),
        ("caption", 3, "caption"),
    ):
        value = options.take(name, minimum)
        if value is not None:
            setattr(graph, field, read_text(value))
    for item in options.take_all("legend", 3):
        read_legend(item.value or "", session, graph.legend)
    scheme = options.take("scheme", 3)
    graph.scheme = scheme.strip() if scheme else session.settings.get("scheme", "stcolor")
    width, height = options.number(session, "xsize", 3), options.number(session, "ysize", 3)
    if width:
        graph.width = width
    if height:
        graph.height = height
    aspect = options.take("aspectratio", 6)
    if aspect is not None:
        graph.aspect = session.evaluate_number(split_suboptions(aspect)[0])
    for name, field in (("graphregion", "background"), ("plotregion", "plot_background")):
        value = options.take(name, 5)
        if value is None:
            continue
        sub = Options(value)
        for part in ("color", "fcolor", "ifcolor"):
            shade = sub.take(part, 2 if part == "fcolor" else 3)
            if shade is not None:
                setattr(graph, field, colors.color(shade)[0])
        _read_region_border(sub, graph, name)
        sub.finish()


_MARGINS: Final = {"zero": 0.0, "none": 0.0, "tiny": 0.01, "vsmall": 0.02, "small": 0.03, "medsmall": 0.04,
                   "medium": 0.05, "medlarge": 0.06, "large": 0.08, "vlarge": 0.1}  # fmt: skip


def margin_share(typed: str) -> float:
    """A margin style as a share of the size: a named one, or the mean of the percentages given. Raises r(198)."""
    word = typed.strip()
    if word in _MARGINS:
        return _MARGINS[word]
    numbers = re.findall(r"(?:^|\s)[lrbt]?\s*[=+]?\s*(-?\d+(?:\.\d+)?)", word)
    if not numbers or re.sub(r"[lrbt]?\s*[=+]?\s*-?\d+(?:\.\d+)?", "", word).strip():
        raise StataError(198, f"marginstyle {word} not found")
    return max(0.0, sum(float(each) for each in numbers) / len(numbers) / 100)


def _read_region_border(region: Options, graph: Graph, name: str) -> None:
    """Outline and margin of graphregion() or plotregion(): what can be drawn; the rest is refused."""
    edge = region.take("lcolor", 2)
    line, style = region.take("lwidth", 2), region.take("lstyle", 2) or region.take("style", 3)
    if style is not None and style.strip() != "none":
        raise unsupported(f"{name}(style({style.strip()}))")
    bare = "none" in (word.strip() for word in (edge, line, style) if word)
    shade = colors.color(edge)[0] if edge and not bare else None
    if name == "graphregion":
        graph.edge = shade
    elif shade is not None:
        graph.plot_edge = shade
    margin = region.take("margin", 1)
    if margin is not None:
        share = margin_share(margin)
        if name == "graphregion":
            graph.pad = share
        else:
            graph.tight, graph.plot_margin = share == 0.0, share
    for other in ("ilcolor", "icolor", "lpattern"):
        region.refuse(other, 2 if other == "lpattern" else 3)
