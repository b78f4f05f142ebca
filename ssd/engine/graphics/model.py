"""What a graph consists of, with its data: drawn only when exported."""

from __future__ import annotations

from dataclasses import dataclass, field

from ssd.engine.missing import FloatArray


@dataclass
class Text:
    """A title or note; several lines are joined by line ends."""

    text: str
    size: float | None = None
    color: str | None = None
    left: bool = False


@dataclass
class Style:
    """How one plot is drawn; None means: by the scheme."""

    color: tuple[str, float] | None = None
    line_color: tuple[str, float] | None = None
    fill_color: tuple[str, float] | None = None
    marker_color: tuple[str, float] | None = None
    marker: tuple[str, bool] | None = None
    marker_size: float | None = None
    pattern: object | None = None
    width: float | None = None
    bar_width: float | None = None
    opacity: float | None = None
    step: bool = False


@dataclass
class Layer:
    """One plot: kind scatter, line, connected, area, bar, hbar, rarea, rcap, rspike, dropline or step."""

    kind: str
    x: FloatArray
    y: FloatArray
    y2: FloatArray | None = None
    label: str = ""
    style: Style = field(default_factory=Style)
    marker_labels: list[str] | None = None
    label_place: str = "outside"
    """Of labels of bars: outside, inside, center or base."""
    keyed: bool = True
    """Takes part in the legend."""
    base: float = 0.0
    horizontal: bool = False
    color_index: int | None = None
    """Palette position when not the layer's own (confidence bands share their line's)."""
    second_axis: bool = False


@dataclass
class RefLine:
    """A line across the plot region at a value of one axis."""

    value: float
    style: Style = field(default_factory=Style)


@dataclass
class Ticks:
    """Axis labels: positions with texts (empty text: the number), or a wanted number of them."""

    positions: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    about: int | None = None
    none: bool = False
    angle: float = 0.0
    size: float | None = None
    grid: bool | None = None
    fmt: str = ""
    marks: bool = True
    """Short lines at the labels."""
    color: str | None = None


@dataclass
class Axis:
    title: Text | None = None
    ticks: Ticks = field(default_factory=Ticks)
    low: float | None = None
    high: float | None = None
    log: bool = False
    reverse: bool = False
    lines: list[RefLine] = field(default_factory=list)
    hidden: bool = False
    line: bool = True
    fmt: str = ""
    """Display format of the variable (dates)."""
    minor: list[float] = field(default_factory=list)
    """Further ticks."""
    minor_parts: int | None = None
    """Number of parts the minor ticks cut the space between labels into."""
    minor_labels: bool = False
    minor_size: float | None = None


@dataclass
class PlacedText:
    """Words at a point of the plot region."""

    x: float
    y: float
    text: str
    size: float | None = None
    color: str | None = None
    angle: float = 0.0
    horizontal: str = "center"
    vertical: str = "center"
    boxed: bool = False
    fill: str | None = None


@dataclass
class Legend:
    shown: bool | None = None
    order: list[tuple[int, str | None]] | None = None
    labels: dict[int, str] = field(default_factory=dict)
    rows: int | None = None
    cols: int | None = None
    position: int | None = None
    ring: int | None = None
    size: float | None = None
    title: str = ""
    edge: str | None = None
    fill: str | None = None
    key_width: float | None = None
    """Width of the keys as a multiple of the scheme's."""


@dataclass
class Panel:
    """One plot region with its axes."""

    layers: list[Layer] = field(default_factory=list)
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""
    pie: list[tuple[str, float]] | None = None
    boxes: list[tuple[str, int, FloatArray]] | None = None
    """Box plots: label, palette index, values."""
    horizontal_boxes: bool = False
    second_title: Text | None = None
    centre_text: str = ""
    """Words in the middle of an empty plot region (diagonal of a scatterplot matrix)."""
    notes: list[PlacedText] = field(default_factory=list)
    exploded: list[int] = field(default_factory=list)
    """Slices of a pie that are moved outwards, from 0."""
    slice_colors: dict[int, str] = field(default_factory=dict)
    """Colours of slices of a pie, or of the series of box plots, by position."""


@dataclass
class Graph:
    """A whole graph: panels in a grid (one without by()), or combined graphs."""

    panels: list[Panel] = field(default_factory=list)
    columns: int = 1
    title: Text | None = None
    subtitle: Text | None = None
    note: Text | None = None
    caption: Text | None = None
    legend: Legend = field(default_factory=Legend)
    scheme: str = "stcolor"
    width: float = 5.5
    height: float = 4.0
    """Inches."""
    background: str | None = None
    plot_background: str | None = None
    common_x: bool = True
    common_y: bool = True
    children: list[Graph] | None = None
    aspect: float | None = None
    edge: str | None = None
    """Outline of the whole graph."""
    plot_edge: str | None = None
    """Outline of the plot regions."""
    tight: bool = False
    """Axes end at the data: plotregion(margin(zero))."""
    plot_margin: float | None = None
    """Room between the data and the axes, as a share of the plot region."""
    pad: float | None = None
    """Room around the graph, as a share of its height."""
    font: str | None = None
    """Typeface chosen by graph set."""
    space: float | None = None
    """Room between combined graphs, as a share of their size."""

    def texts(self) -> list[str]:
        """All words that will be drawn, to choose a font."""
        found = [t.text for t in (self.title, self.subtitle, self.note, self.caption) if t is not None]
        for panel in self.panels:
            found += [panel.title, panel.centre_text, *(layer.label for layer in panel.layers)]
            found += [note.text for note in panel.notes]
            for axis in (panel.x, panel.y):
                found += [axis.title.text if axis.title else "", *axis.ticks.texts]
            found += [label for label, _ in panel.pie or []] + [box[0] for box in panel.boxes or []]
            found += [label for layer in panel.layers for label in layer.marker_labels or []]
        for child in self.children or []:
            found += child.texts()
        return found
