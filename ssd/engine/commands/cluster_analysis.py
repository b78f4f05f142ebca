"""cluster: hierarchical linkages, k-means, groups, the stopping rule and the dendrogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_columns, present
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import rows_of, show_panel
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Text, Ticks
from ssd.engine.graphics.options import Options
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.clusters import calinski_harabasz, groups_of, kmeans, leaf_order, linkage_tree

LINKAGES = {
    "singlelinkage": ("single", 1),
    "averagelinkage": ("average", 1),
    "completelinkage": ("complete", 1),
    "waveragelinkage": ("weighted", 3),
    "medianlinkage": ("median", 3),
    "centroidlinkage": ("centroid", 4),
    "wardslinkage": ("ward", 4),
}
MEASURES = {"L2": "L2", "EUCLIDEAN": "L2", "L2SQUARED": "L2squared", "L1": "L1", "ABSOLUTE": "L1", "CITYBLOCK": "L1",
            "MANHATTAN": "L1", "LINFINITY": "Linfinity", "MAXIMUM": "Linfinity", "CANBERRA": "Canberra",
            "CORRELATION": "correlation", "ANGLE": "", "ANGULAR": "", "LP": ""}  # fmt: skip


@dataclass(frozen=True)
class Clustering:
    """A named cluster analysis of the data in memory."""

    variables: list[str]
    tree: FloatArray | None
    """Of a hierarchical analysis; None for k-means."""
    key: str
    """The variable that holds the groups of k-means, or the number of each observation in the tree."""


def _analyses(session: Session) -> dict[str, Clustering]:
    found = session.state.setdefault("cluster", {})
    assert isinstance(found, dict)
    return found


def _named(session: Session, name: str) -> tuple[str, Clustering]:
    """The analysis of that name, or the last one. Raises r(198) when there is none."""
    found = _analyses(session)
    if not found:
        raise StataError(198, "no cluster analyses defined")
    key = name.strip() or list(found)[-1]
    if key not in found:
        raise StataError(198, f"cluster analysis {key} not found")
    if found[key].key not in session.data.variables:
        raise StataError(111, f"variable {found[key].key} not found")
    return key, found[key]


def _positions(session: Session, found: Clustering) -> NDArray[np.intp]:
    """Rows of the data in the order of the tree, wherever sorting has put them. Raises r(459) when some are gone."""
    assert found.tree is not None
    ids = session.data.numeric(found.key)
    rows = np.flatnonzero(ids < MISSING)
    rows = rows[np.argsort(ids[rows], kind="stable")]
    if rows.size != found.tree.shape[0] + 1 or not np.array_equal(ids[rows], np.arange(1.0, rows.size + 1)):
        raise StataError(459, "the observations have changed since the cluster analysis")
    return np.asarray(rows, dtype=np.intp)


@command(
    "cluster",
    "*",
    stored="the named cluster analysis; r(calinski_#) and r(m) of cluster stop",
    refused="kmedians, measures of binary and mixed variables, kmeans start(prandom|everyk|segments|group()), "
    f"stop rule(duda), groups() of several numbers, use, rename, note; {REFUSED}",
)
def cluster(session: Session, line: Line) -> None:
    """Cluster analysis: linkages, kmeans, generate, stop, dendrogram, dir, drop."""
    word, _, rest = line.text.strip().partition(" ")
    word = word.rstrip(",")
    method = next((m for name, (m, least) in LINKAGES.items() if len(word) >= least and name.startswith(word)), None)
    if word and len(word) >= 3 and "generate".startswith(word):
        _generate(session, rest)
    elif word and len(word) >= 1 and "kmeans".startswith(word):
        _kmeans(session, rest)
    elif word in ("dendrogram", "tree") or (len(word) >= 4 and "dendrogram".startswith(word)):
        _dendrogram(session, rest)
    elif word == "stop":
        _stop(session, rest)
    elif word in ("dir", "list"):
        for name in _analyses(session):
            session.log.line(name)
    elif word == "drop":
        key, _ = _named(session, rest)
        del _analyses(session)[key]
    elif method is not None:
        _link(session, rest, method)
    elif word in ("kmedians", "use", "rename", "notes", "note", "set", "query", "parsedistance", "measures"):
        raise unsupported(f"cluster {word} is")
    else:
        raise StataError(198, f"cluster {word}: invalid subcommand" if word else "invalid syntax")


def _options(session: Session, text: str | None, grammar: str) -> dict[str, object]:
    values, _, _ = match_options(text or "", compile_grammar(f"[, {grammar}]"), session)
    return dict(values)


def _data(session: Session, text: str) -> tuple[list[str], BoolArray, FloatArray, str | None]:
    parts = split_line(text)
    names = session.expand_varlist(parts.subject) if parts.subject.strip() else []
    names = names or [name for name, variable in session.data.variables.items() if not variable.is_string]
    if parts.weight is not None:
        raise StataError(101, "weights not allowed")
    rows = rows_of(session, parts)
    for name in names:
        rows &= present(session, name)
    if not rows.any():
        raise no_observations()
    return names, rows, numeric_columns(session, names, rows), parts.options


def _new_name(session: Session, given: object) -> str:
    if isinstance(given, str) and given.strip():
        name = given.strip()
        if name in _analyses(session):
            raise StataError(110, f"cluster analysis {name} already defined")
        return name
    k = 1
    while f"_clus_{k}" in _analyses(session):
        k += 1
    session.log.line(f"cluster name: _clus_{k}")
    return f"_clus_{k}"


def _measure(given: object, default: str) -> str:
    if not isinstance(given, str) or not given.strip():
        return default
    word = given.strip().upper()
    found = next(
        (m for name, m in MEASURES.items() if name == word or (len(word) >= 3 and name.startswith(word))), None
    )
    if found is None:
        raise StataError(198, f"measure({given.strip()}) invalid")
    if not found:
        raise unsupported(f"measure({given.strip()}) is")
    return found


def _link(session: Session, text: str, method: str) -> None:
    names, rows, X, typed = _data(session, text)
    options = _options(session, typed, "Name(string) MEAsure(string) GENerate(string)")
    squared = method in ("ward", "centroid", "median")
    measure = _measure(options.get("measure"), "L2squared" if squared else "L2")
    if squared and measure != "L2squared":
        raise unsupported(f"{method} linkage with another measure than L2squared is")
    if X.shape[0] < 2:
        raise StataError(2001, "insufficient observations")
    if options.get("generate"):
        raise unsupported("cluster linkage, generate() is")
    name = _new_name(session, options.get("name"))
    tree = linkage_tree(X, method, measure)
    leaves, heights = leaf_order(tree)
    for suffix, values in (("id", np.arange(1.0, X.shape[0] + 1)), ("ord", leaves + 1.0), ("hgt", heights)):
        column = np.full(session.data.n_obs, MISSING)
        column[rows] = values
        session.data.add(f"{name}_{suffix}", column, "double" if suffix == "hgt" else "long")
    _analyses(session)[name] = Clustering(names, tree, f"{name}_id")


def _kmeans(session: Session, text: str) -> None:
    names, rows, X, typed = _data(session, text)
    grammar = (
        "K(integer 0) Name(string) MEAsure(string) STart(string) GENerate(name) ITERate(integer 10000) KEEPcenters"
    )
    options = _options(session, typed, grammar)
    k = options.get("k")
    if not isinstance(k, int) or k < 1:
        raise StataError(198, "option k() required")
    if k > X.shape[0]:
        raise StataError(198, f"k({k}) is larger than the number of observations")
    if _measure(options.get("measure"), "L2") not in ("L2", "L2squared") or options.get("keepcenters") is True:
        raise unsupported("cluster kmeans with another measure than L2, or keepcenters, is")
    centres = X[_starting_rows(session, str(options.get("start") or "krandom"), k, X.shape[0])].copy()
    iterations = options.get("iterate")
    labels = kmeans(X, centres, iterations if isinstance(iterations, int) else 10_000)
    name = _new_name(session, options.get("name"))
    generated = options.get("generate")
    variable = str(generated) if generated else name
    column = np.full(session.data.n_obs, MISSING)
    column[rows] = labels + 1.0
    session.data.add(variable, column, "byte" if k <= 100 else "int")
    _analyses(session)[name] = Clustering(names, None, variable)


def _starting_rows(session: Session, typed: str, k: int, n: int) -> np.ndarray:
    """firstk, lastk or krandom[(seed)]."""
    word, _, argument = typed.strip().partition("(")
    if "krandom".startswith(word) and len(word) >= 2:
        seed = argument.rstrip(") ")
        if seed:
            session.rng.seed(int(session.evaluate_number(seed)))
        return np.sort(np.argsort(session.rng.uniform(n))[:k])
    if word == "firstk" or (len(word) >= 1 and "firstk".startswith(word)):
        return np.arange(k)
    if "lastk".startswith(word):
        return np.arange(n - k, n)
    raise unsupported(f"start({typed.strip()}) is")


def _generate(session: Session, text: str) -> None:
    target, equal, rest = text.partition("=")
    parts = split_line(rest)
    function, _, argument = parts.subject.strip().partition("(")
    options = _options(session, parts.options, "Name(string) TIEs(string)")
    key, found = _named(session, str(options.get("name") or ""))
    if not equal or not target.strip() or found.tree is None:
        raise StataError(198, f"cluster analysis {key} is not hierarchical" if found.tree is None else "invalid syntax")
    value = session.evaluate_number(argument.rstrip(") "))
    n = found.tree.shape[0] + 1
    if len(function) >= 2 and "groups".startswith(function.strip()):
        count = int(value)
    elif function.strip() == "cut":
        count = n - int((found.tree[:, 2] <= value).sum())
    else:
        raise StataError(198, f"{function}() invalid")
    if not 1 <= count <= n:
        raise StataError(198, f"groups({count}) is not possible")
    column = np.full(session.data.n_obs, MISSING)
    column[_positions(session, found)] = groups_of(found.tree, count)
    session.data.add(target.strip(), column, "byte" if count <= 100 else "int")


def _stop(session: Session, text: str) -> None:
    """Calinski and Harabasz's pseudo-F of 2 to 15 groups, or of the groups of k-means."""
    parts = split_line(text)
    options = _options(session, parts.options, "RUle(string) GRoups(numlist) VARiables(varlist) MATrix(name)")
    rule = str(options.get("rule") or "calinski").strip()
    if not "calinski".startswith(rule):
        raise unsupported(f"cluster stop, rule({rule}) is")
    _, found = _named(session, parts.subject)
    if found.tree is None:
        positions = np.flatnonzero(session.data.numeric(found.key) < MISSING)
    else:
        positions = _positions(session, found)
    X = np.column_stack([session.data.numeric(name)[positions] for name in found.variables])
    wanted = options.get("groups")
    if found.tree is None:
        labels = session.data.numeric(found.key)[positions]
        rows = [(int(np.unique(labels).size), calinski_harabasz(X, labels))]
    else:
        counts = [int(v) for v in wanted] if isinstance(wanted, list) else list(range(2, min(16, X.shape[0])))
        if any(not 2 <= count < X.shape[0] for count in counts):
            raise StataError(198, "groups() out of range")
        rows = [(count, calinski_harabasz(X, groups_of(found.tree, count))) for count in counts]
    log = session.log
    edge = "+" + "-" * 13 + "+" + "-" * 13 + "+"
    log.line()
    for line in (
        edge,
        "|             |  Calinski/  |",
        "|  Number of  |  Harabasz   |",
        "|  clusters   |  pseudo-F   |",
        edge,
    ):
        log.line(line)
    for count, value in rows:
        log.line(f"|{count:>7}      |{value:>11.2f}  |" if np.isfinite(value) else f"|{count:>7}      |{'.':>11}  |")
    log.line(edge)
    matrix = np.array([[float(count), value if np.isfinite(value) else MISSING] for count, value in rows])
    session.r = ResultSet(
        scalars={f"calinski_{count}": value for count, value in rows if np.isfinite(value)},
        macros={"rule": "calinski"},
        matrices={"m": Matrix(matrix, [f"r{k + 1}" for k in range(len(rows))], ["groups", "pseudo_F"])},
    )


def _dendrogram(session: Session, text: str) -> None:
    parts = split_line(text)
    key, found = _named(session, parts.subject)
    if found.tree is None:
        raise StataError(198, f"cluster analysis {key} is not hierarchical")
    options = Options(parts.options)
    options.refuse("cutvalue", 4)
    horizontal = options.flag("horizontal", 3)
    count = options.number(session, "cutnumber", 4)
    names = options.take("labels", 3)
    options.flag("showcount", 5)
    tree = found.tree
    from scipy.cluster.hierarchy import dendrogram

    shown = int(count) if count else tree.shape[0] + 1
    if shown > 100:
        raise StataError(198, "too many leaves; consider using the cutnumber() option")
    if np.any(np.diff(tree[:, 2]) < 0):
        raise StataError(198, "the dendrogram has reversals and cannot be drawn")
    plan = dendrogram(tree, p=shown, truncate_mode="lastp" if count else None, no_plot=True, show_leaf_counts=False)
    panel = Panel()
    for across, height in zip(plan["icoord"], plan["dcoord"], strict=True):
        a, h = np.array(across) / 10.0 + 0.5, np.array(height)
        panel.layers.append(Layer("line", h if horizontal else a, a if horizontal else h, keyed=False, color_index=0))
    leaves = plan["leaves"]
    texts = _leaf_texts(session, _positions(session, found), leaves, names, grouped=bool(count))
    leaf_axis, value_axis = (panel.y, panel.x) if horizontal else (panel.x, panel.y)
    leaf_axis.ticks = Ticks([float(k + 1) for k in range(len(leaves))], texts, grid=False)
    leaf_axis.ticks.angle = 0.0 if horizontal or max(len(t) for t in texts) * len(texts) < 60 else 90.0
    leaf_axis.low, leaf_axis.high = 0.2, len(leaves) + 0.8
    value_axis.title = Text("Dissimilarity measure")
    graph = Graph(title=Text(f"Dendrogram for {key} cluster analysis"))
    show_panel(session, panel, options, graph)


def _leaf_texts(
    session: Session, positions: NDArray[np.intp], leaves: list[int], names: str | None, *, grouped: bool
) -> list[str]:
    if grouped:
        return [f"G{k + 1}" for k in range(len(leaves))]
    if names is None:
        return [str(int(positions[leaf]) + 1) for leaf in leaves]
    variable = session.variable_named(names)
    if session.data.variables[variable].is_string:
        values = session.data.strings(variable)
        return [str(values[positions[leaf]]) for leaf in leaves]
    numbers = session.data.numeric(variable)
    return [f"{numbers[positions[leaf]]:g}" for leaf in leaves]
