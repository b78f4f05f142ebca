"""From one plot of a twoway command to the layers that draw it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.commands.describe_selection import heading, value_text
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Layer, Style
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.graphics.smooth import (
    KERNELS,
    histogram_bins,
    kernel_density,
    local_polynomial,
    lowess,
    polynomial_fit,
)
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.lang.syntax import parse_range, parse_weight, split_line
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.tables import number
from ssd.engine.session import Session

PLOT_TYPES = {
    "scatter": 2,
    "line": 1,
    "connected": 3,
    "area": 4,
    "bar": 3,
    "spike": 5,
    "dropline": 4,
    "dot": 3,
    "rarea": 5,
    "rbar": 4,
    "rcap": 4,
    "rspike": 6,
    "rscatter": 8,
    "rline": 5,
    "lfit": 4,
    "qfit": 4,
    "lfitci": 6,
    "qfitci": 6,
    "lowess": 6,
    "lpoly": 5,
    "kdensity": 8,
    "function": 8,
    "histogram": 4,
    "tsline": 6,
    "mspline": 7,
    "rcapsym": 7,
    "pcspike": 7,
    "scatteri": 8,
    "pci": 3,
}
"""Plot types and their shortest spelling."""
RANGE_TYPES = {"rarea", "rbar", "rcap", "rspike", "rscatter", "rline", "rcapsym"}


@dataclass
class Spec:
    """One plot as typed: type, variables, selection and options."""

    kind: str
    names: list[str]
    text: str
    mask: BoolArray
    weights: FloatArray | None
    options: Options


@dataclass
class Built:
    """Layers of a plot with the titles it suggests for the axes."""

    layers: list[Layer] = field(default_factory=list)
    x_title: str = ""
    y_title: str = ""
    x_format: str = ""
    y_format: str = ""
    note: str = ""
    x_label: str = ""
    y_label: str = ""
    """Names of the value labels of the variables on the axes, for xlabel(, valuelabel) and ylabel(…)."""


def plot_type(word: str) -> str | None:
    """Full name of a plot type."""
    return next((name for name, least in PLOT_TYPES.items() if len(word) >= least and name.startswith(word)), None)


def read_spec(session: Session, kind: str, text: str, base: BoolArray) -> Spec:
    """Parse `y x if … in … [w=…], options` of one plot; `base` is the command's own selection."""
    parts = split_line(text, equals=False)
    mask = base.copy()
    if parts.condition is not None:
        mask &= session.evaluate_condition(parts.condition)
    if parts.range is not None:
        first, last = parse_range(parts.range, session.data.n_obs)
        inside = np.zeros(session.data.n_obs, dtype=np.bool_)
        inside[first:last] = True
        mask &= inside
    weights = None
    if parts.weight is not None:
        weight = parse_weight(*parts.weight, ("fweight", "aweight", "pweight"), session)
        weights = session.evaluate_weights(weight)
        mask &= ~is_missing(weights) & (weights > 0)
    typed_numbers = kind in ("function", "scatteri", "pci")
    names = session.expand_varlist(parts.subject) if parts.subject and not typed_numbers else []
    return Spec(kind, names, parts.subject, mask, weights, Options(parts.options))


def build(session: Session, spec: Spec) -> Built:
    """Layers of a plot; leaves the options it does not know in `spec.options`."""
    if spec.kind in ("rcapsym", "mspline", "rscatter"):
        raise unsupported(f"twoway {spec.kind}")
    if spec.kind == "pcspike":
        return _segments(session, spec)
    if spec.kind in ("scatteri", "pci"):
        return _immediate(session, spec)
    if spec.kind == "function":
        return _function(session, spec)
    if spec.kind in ("kdensity", "histogram"):
        return _one_variable(session, spec)
    if spec.kind == "tsline":
        time = session.data.chars.get("_TStvar", "")
        if not time:
            raise StataError(111, "time variable not set, use tsset varname ...")
        spec.names.append(time)
        spec.kind = "line"
        return _series(session, spec)
    if spec.kind in RANGE_TYPES:
        return _range(session, spec)
    if spec.kind in ("lfit", "qfit", "lfitci", "qfitci", "lowess", "lpoly"):
        return _smoother(session, spec)
    return _series(session, spec)


def _complete(session: Session, spec: Spec, names: list[str]) -> tuple[list[FloatArray], BoolArray]:
    kept = spec.mask.copy()
    for name in names:
        kept &= ~is_missing(session.data.numeric(name))
    if not kept.any():
        raise no_observations()
    return [session.data.numeric(name)[kept] for name in names], kept


def _need(spec: Spec, least: int) -> None:
    if len(spec.names) < least:
        raise StataError(102, "too few variables specified")


def _titles(session: Session, y: str, x: str) -> tuple[str, str, str, str]:
    return (
        heading(session, x),
        heading(session, y),
        session.data.variables[x].format,
        session.data.variables[y].format,
    )


def _axis_choice(spec: Spec) -> bool:
    choice = spec.options.take("yaxis", 2)
    return (choice or "1").strip() == "2"


def _series(session: Session, spec: Spec) -> Built:
    _need(spec, 2)
    *ys, x_name = spec.names
    options = spec.options
    style = read_style(options, session)
    sort_value = options.take_all("sort", 4)
    horizontal = options.flag("horizontal", 4)
    base = options.number(session, "base", 4)
    options.flag("vertical", 4)
    connect = options.take("connect", 1)
    if connect is not None and connect.strip() in ("J", "stairstep"):
        style.step = True
    missing_break = options.take("cmissing", 3)
    if missing_break is not None and missing_break.strip() not in ("n", "y"):
        raise unsupported(f"cmissing({missing_break})")
    labels_name = options.take("mlabel", 4)
    for placed, least in (
        ("mlabposition", 4),
        ("mlabsize", 5),
        ("mlabcolor", 4),
        ("mlabgap", 4),
        ("mlabangle", 4),
        ("mlabvposition", 5),
    ):
        options.take(placed, least)
    jitter = options.number(session, "jitter", 2)
    options.number(session, "jitterseed", 7)
    second = _axis_choice(spec)
    built = Built()
    built.x_title, built.y_title, built.x_format, built.y_format = _titles(session, ys[0], x_name)
    if len(ys) > 1:
        built.y_title = ""
    for y_name in ys:
        (y, x), kept = _complete(session, spec, [y_name, x_name])
        if sort_value:
            keys = sort_value[-1].value
            key = x if not keys else session.data.numeric(session.variable_named(keys))[kept]
            order = np.argsort(key, kind="stable")
            y, x = y[order], x[order]
        if jitter:
            generator = np.random.default_rng(12345)
            x = x + (x.max() - x.min()) * jitter / 200 * (generator.random(x.size) - 0.5)
            y = y + (y.max() - y.min()) * jitter / 200 * (generator.random(y.size) - 0.5)
        layer = Layer(
            spec.kind,
            x,
            y,
            label=heading(session, y_name),
            style=style,
            base=base or 0.0,
            horizontal=horizontal,
            second_axis=second,
        )
        if labels_name is not None:
            layer.marker_labels = _marker_labels(session, labels_name.strip(), kept)
        if spec.weights is not None and spec.kind == "scatter":
            w = spec.weights[kept]
            layer.y2 = w / w.max()
        built.layers.append(layer)
    return built


def _marker_labels(session: Session, name: str, kept: BoolArray) -> list[str]:
    name = session.variable_named(name)
    if session.data.variables[name].is_string:
        return [str(v) for v in session.data.strings(name)[kept]]
    return [value_text(session, name, float(v)) for v in session.data.numeric(name)[kept]]


def _range(session: Session, spec: Spec) -> Built:
    _need(spec, 3)
    low_name, high_name, x_name = spec.names[:3]
    (low, high, x), _ = _complete(session, spec, [low_name, high_name, x_name])
    style = read_style(spec.options, session)
    horizontal = spec.options.flag("horizontal", 4)
    spec.options.flag("vertical", 4)
    if spec.options.take_all("sort", 4) or spec.kind == "rarea":
        order = np.argsort(x, kind="stable")
        low, high, x = low[order], high[order], x[order]
    label = f"{heading(session, low_name)}/{heading(session, high_name)}"
    layer = Layer(spec.kind, x, low, high, label, style, horizontal=horizontal, second_axis=_axis_choice(spec))
    fmt = session.data.variables[x_name].format
    return Built([layer], heading(session, x_name), label, fmt, session.data.variables[low_name].format)


def _segments(session: Session, spec: Spec) -> Built:
    """pcspike y1 x1 y2 x2: a line between the two points of each observation."""
    _need(spec, 4)
    names = spec.names[:4]
    columns, _ = _complete(session, spec, names)
    built = Built([_joined(columns, spec, session)], *_titles(session, names[0], names[1]))
    built.layers[0].label = f"{heading(session, names[0])}/{heading(session, names[2])}"
    return built


def _joined(columns: list[FloatArray], spec: Spec, session: Session) -> Layer:
    """Segments as one line that is interrupted after each of them."""
    y1, x1, y2, x2 = columns
    gap = np.full_like(y1, np.nan)
    x, y = np.column_stack([x1, x2, gap]).ravel(), np.column_stack([y1, y2, gap]).ravel()
    return Layer("line", x, y, style=read_style(spec.options, session), second_axis=_axis_choice(spec))


def _immediate(session: Session, spec: Spec) -> Built:
    """scatteri y x [(clock)] ["text"] … and pci y1 x1 y2 x2 …: points and lines given as numbers."""
    numbers: list[float] = []
    texts: dict[int, str] = {}
    for word in split_words(spec.text, keep_quotes=True):
        if word.startswith(('"', '`"')):
            texts[len(numbers) // 2 - 1] = strip_quotes(word)
        elif not re.fullmatch(r"\(\d+\)", word):
            numbers.append(session.evaluate_number(word))
    each = 2 if spec.kind == "scatteri" else 4
    if not numbers or len(numbers) % each:
        raise StataError(198, "invalid syntax")
    columns = [np.array(numbers[start::each]) for start in range(each)]
    if spec.kind == "pci":
        return Built([_joined(columns, spec, session)])
    kind = spec.options.take("recast", 3) or "scatter"
    if plot_type(kind) not in ("scatter", "line", "connected", "area", "bar", "spike", "dropline"):
        raise unsupported(f"recast({kind})")
    style = read_style(spec.options, session)
    layer = Layer(str(plot_type(kind)), columns[1], columns[0], style=style, second_axis=_axis_choice(spec))
    if texts:
        layer.marker_labels = [texts.get(index, "") for index in range(len(columns[0]))]
    for placed, least in (("mlabposition", 4), ("mlabsize", 5), ("mlabcolor", 4), ("mlabgap", 4)):
        spec.options.take(placed, least)
    return Built([layer])


def _span(spec: Spec, x: FloatArray, n: int, session: Session) -> FloatArray:
    limits = spec.options.take("range", 3)
    low, high = float(x.min()), float(x.max())
    if limits is not None:
        values = parse_numlist(limits, missing=False)
        low, high = values[0], values[1]
    points = spec.options.number(session, "n", 1)
    return np.linspace(low, high, int(points) if points else n)


def _smoother(session: Session, spec: Spec) -> Built:
    _need(spec, 2)
    y_name, x_name = spec.names[:2]
    (y, x), kept = _complete(session, spec, [y_name, x_name])
    weights = None if spec.weights is None else spec.weights[kept]
    options = spec.options
    built = Built()
    built.x_title, built.y_title, built.x_format, built.y_format = _titles(session, y_name, x_name)
    bandwidth = options.number(session, "bwidth", 2)
    second = _axis_choice(spec)
    if spec.kind in ("lfit", "qfit", "lfitci", "qfitci"):
        level = options.number(session, "level", 3) or 95.0
        grid = _span(spec, x, 100, session)
        degree = 1 if spec.kind.startswith("l") else 2
        fitted, low, high = polynomial_fit(x, y, weights, degree, grid, level)
        style = read_style(options, session)
        if spec.kind.endswith("ci"):
            band = Style(
                color=style.fill_color or style.color,
                opacity=0.22 if style.opacity is None else style.opacity,
            )
            built.layers.append(Layer("rarea", grid, low, high, f"{level:g}% CI", band, second_axis=second))
        built.layers.append(Layer("line", grid, fitted, label="Fitted values", style=style, second_axis=second))
        return built
    if spec.kind == "lowess":
        options.flag("adjust", 3)
        mean_only = options.flag("mean", 4)
        xs, smooth = lowess(x, y, bandwidth or 0.8, mean_only)
        style = read_style(options, session)
        built.layers.append(
            Layer("line", xs, smooth, label=f"lowess {y_name} {x_name}", style=style, second_axis=second)
        )
        return built
    degree_value = options.number(session, "degree", 3)
    kernel = _kernel(options)
    if bandwidth is None:
        raise unsupported("lpoly without bwidth()")
    grid = _span(spec, x, 50, session)
    fitted = local_polynomial(x, y, grid, int(degree_value or 0), kernel, bandwidth)
    style = read_style(options, session)
    used = ~np.isnan(fitted)
    built.layers.append(
        Layer("line", grid[used], fitted[used], label=f"lpoly smooth: {heading(session, y_name)}", style=style)
    )
    return built


def _kernel(options: Options) -> str:
    named = options.take("kernel", 1)
    if named is None:
        found = [k for k in KERNELS if options.flag(k, 4)]
        return found[0] if found else "epanechnikov"
    match = next((k for k in KERNELS if k.startswith(named.strip())), None)
    if match is None:
        raise StataError(198, f"kernel {named} not found")
    return match


def _function(session: Session, spec: Spec) -> Built:
    match = re.fullmatch(r"\s*(?:y\s*=)?\s*(.+)", spec.text, re.DOTALL)
    if match is None:
        raise StataError(198, "invalid syntax")
    grid = _span(spec, np.array([0.0, 1.0]), 300, session)
    # The expression is evaluated in a data set of its own, where x is the grid.
    held = session.data
    session.data = type(held)()
    try:
        session.data.n_obs = grid.size
        session.data.add("x", grid, "double")
        y = session.evaluate_numbers(match[1])
    finally:
        session.data = held
    kept = ~is_missing(y)
    style = read_style(spec.options, session)
    horizontal = spec.options.flag("horizontal", 4)
    layer = Layer("line", grid[kept], y[kept], label="y", style=style, second_axis=_axis_choice(spec))
    if horizontal:
        layer.x, layer.y = layer.y, layer.x
    if spec.options.take("recast", 3) == "area":
        layer.kind = "area"
    return Built([layer], "x", "y")


def _one_variable(session: Session, spec: Spec) -> Built:
    _need(spec, 1)
    name = spec.names[0]
    (x,), kept = _complete(session, spec, [name])
    weights = None if spec.weights is None else spec.weights[kept]
    if spec.kind == "kdensity":
        options = spec.options
        kernel = _kernel(options)
        width = options.number(session, "bwidth", 2)
        points = options.number(session, "n", 1)
        grid, density, used = kernel_density(
            x, weights, kernel, width, int(points) if points else min(50, max(x.size, 2))
        )
        horizontal = options.flag("horizontal", 4)
        style = read_style(options, session)
        kind = "area" if options.take("recast", 3) == "area" else "line"
        layer = Layer(kind, grid, density, label=f"kdensity {name}", style=style, second_axis=_axis_choice(spec))
        if horizontal:
            layer.x, layer.y = layer.y, layer.x
        note = f"kernel = {kernel}, bandwidth = {number(used, '%6.4f')}"
        return Built([layer], heading(session, name), "Density", session.data.variables[name].format, "", note)
    return histogram(session, spec, name, x, weights)


def histogram(session: Session, spec: Spec, name: str, x: FloatArray, weights: FloatArray | None) -> Built:
    """Bars of a histogram; prints the bins as Stata does."""
    options = spec.options
    bins, width, start = (options.number(session, n, m) for n, m in (("bin", 3), ("width", 1), ("start", 5)))
    discrete = options.flag("discrete", 4)
    scale = next(
        (s for s, m in (("density", 4), ("fraction", 4), ("frequency", 4), ("percent", 4)) if options.flag(s, m)),
        "density",
    )
    gap = options.number(session, "gap", 3)
    horizontal = options.flag("horizontal", 4)
    add_labels = options.flag("addlabels", 4)
    if discrete:
        values = np.unique(x)
        width = width or (float(np.min(np.diff(values))) if values.size > 1 else 1.0)
        start = (float(values[0]) if start is None else start) - width / 2
    edges, count = histogram_bins(x, int(bins) if bins else None, width, start)
    step = float(edges[1] - edges[0])
    heights = np.histogram(x, bins=edges, weights=weights)[0].astype(np.float64)
    total = float(heights.sum())
    factor = {"density": 1 / (total * step), "fraction": 1 / total, "frequency": 1.0, "percent": 100 / total}[scale]
    style = read_style(options, session)
    style.bar_width = step * (1 - (gap or 0) / 100)
    begin = float(edges[0]) + (step / 2 if discrete else 0)
    session.log.line(f"(bin={count}, start={number(begin)}, width={number(step)})")
    layer = Layer(
        "histogram",
        edges[:-1] + step / 2,
        heights * factor,
        label=scale.capitalize(),
        style=style,
        horizontal=horizontal,
        second_axis=_axis_choice(spec),
    )
    if add_labels:
        layer.marker_labels = [number(float(v), "%9.3g") for v in layer.y]
    session.state["histogram_scale"] = (factor, step, total)
    return Built([layer], heading(session, name), scale.capitalize(), session.data.variables[name].format)
