"""eststo and estadd: keep models for tables, and add to what they hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import keep_estimates, named_estimates, stored_estimates
from ssd.engine.commands.estimates_estout import eststo_names, model_names
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import split_colon, split_comma, strip_quotes
from ssd.engine.missing import MISSING, BoolArray, is_missing
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("eststo", "*", by="recall", refused="option noesample")
def eststo(session: Session, line: Line) -> None:
    """Store estimation results for tables; `eststo: command` runs and stores."""
    text = line.text.strip()
    words = split_comma(text)[0].split()
    if words and words[0] in {"clear", "dir", "drop"} and split_colon(text) is None:
        _manage(session, words)
        return
    prefix = split_colon(text)
    head, options_text = split_comma(prefix[0] if prefix else text)
    name = head.strip()
    if name and not re.fullmatch(r"[^\W\d]\w*", name):
        raise StataError(198, f"{name} invalid name")
    options = read_options(options_text or "")
    for item in options:
        if item.word not in {"title", "addscalars", "replace", "noesample", "prefix", "refresh", "nocopy"}:
            raise StataError(198, f"option {item.named} not allowed")
        if item.word in {"noesample", "refresh"}:
            raise unsupported(f"option {item.word} of eststo is")
    if prefix and line.by_mask is not None:
        _run_group(session, prefix[1].strip(), line.by_mask)
        options = [*options, TypedOption("title", _group_label(session, line.by_mask))]
    elif prefix:
        session.run(prefix[1].strip())
    _keep(session, name, options)


def _run_group(session: Session, text: str, mask: BoolArray) -> None:
    """The command of `by …: eststo: command` on one group. Raises r(190) where it may not be combined with by."""
    from ssd.engine.lang.syntax import parse_command

    quiet = re.match(r"(qui\w*|noi\w*)\s*:?\s+", text)
    if quiet:
        text = text[quiet.end() :]
    found = re.match(r"\w+", text)
    known = session.interpreter.registry.find(found[0]) if found else None
    if found is None or known is None or known.by != "recall":
        raise StataError(190, f"{found[0] if found else text} may not be combined with by")
    inner = parse_command(known, text[found.end() :], session)
    inner.by_mask = mask
    if quiet and quiet[1].startswith("qui"):
        with session.log.silence():
            known.run(session, inner)
    else:
        known.run(session, inner)


def _group_label(session: Session, mask: BoolArray) -> str:
    """Values of the by-variables in a group: the leading sort keys that are constant in it."""
    from ssd.engine.commands.describe_selection import categories

    texts = []
    for name in session.data.sorted_by:
        groups = categories(session, name, mask)
        if groups.size != 1:
            break
        texts.append(groups.labels[0])
    return ", ".join(texts)


def _manage(session: Session, words: list[str]) -> None:
    names = eststo_names(session)
    if words[0] == "clear":
        for name in names:
            stored_estimates(session).pop(name, None)
        names.clear()
    elif words[0] == "dir":
        session.run(f"estimates dir {' '.join(names)}".strip())
    else:
        for word in words[1:]:
            for name in model_names(session, [f"est{word}" if word.isdigit() else word]):
                named_estimates(session, name)
                del stored_estimates(session)[name]
                session.log.line(f"({name} dropped)")
                if name in names:
                    names.remove(name)


def _keep(session: Session, name: str, options: list[TypedOption]) -> None:
    title, stem = "", "est"
    for item in options:
        if item.word == "title":
            title = strip_quotes(item.value or "")
        elif item.word == "prefix":
            stem = item.value or "est"
    if not name:
        taken = stored_estimates(session)
        count = 1
        while f"{stem}{count}" in taken:
            count += 1
        name = f"{stem}{count}"
        session.log.line(f"({name} stored)")
    if "b" in session.e.matrices:
        keep_estimates(session, name, title)
    elif session.e.matrices or session.e.scalars:
        kept = ResultSet(
            dict(session.e.scalars), dict(session.e.macros), dict(session.e.matrices), session.e.sample,
            dict(session.e.hidden),
        )  # fmt: skip
        kept.macros["_estimates_name"] = name
        if title:
            kept.macros["estimates_title"] = title
        stored_estimates(session)[name] = kept
    else:
        raise StataError(301, "last estimates not found")
    names = eststo_names(session)
    if name not in names:
        names.append(name)
    for item in options:
        if item.word == "addscalars":
            words = (item.value or "").split()
            for scalar, expression in zip(words[::2], words[1::2], strict=False):
                stored_estimates(session)[name].scalars[scalar] = session.evaluate_number(expression)


# --- estadd ------------------------------------------------------------------------------------

_COMPUTED = ("beta", "vif", "mean", "sd", "ysumm", "summ", "coxsnell", "nagelkerke")


@command("estadd", "*", refused="lrtest, brr, expb and further computed additions")
def estadd(session: Session, line: Line) -> None:
    """Add scalars, texts, matrices or computed statistics to e() of the current or stored models."""
    body, models = split_colon(line.text) or (line.text, "")
    main, options_text = split_comma(body)
    options = read_options(options_text or "")
    words = main.split(None, 1)
    kind = words[0] if words else ""
    rest = words[1].strip() if len(words) > 1 else ""
    targets = _targets(session, models)
    replace = any(item.word == "replace" for item in options)
    prefix = next((item.value or "" for item in options if item.word == "prefix"), "")
    rest_options = [item for item in options if item.word not in {"replace", "prefix", "quietly"}]
    if kind in {"scalar", "sca", "scal", "local", "loc", "macro", "matrix", "mat"}:
        if rest_options:
            raise StataError(198, f"option {rest_options[0].named} not allowed")
        _add_given(session, kind, rest, prefix, targets, replace=replace)
        return
    if kind in _COMPUTED:
        for target in targets:
            _add_computed(session, kind, target, rest_options, prefix, replace=replace)
        return
    if kind.startswith("r("):
        name = prefix + kind[2:-1]
        value = session.r.scalars.get(kind[2:-1])
        if value is None:
            raise StataError(111, f"{kind} not found")
        for target in targets:
            _put(target, "scalar", name, value, replace=replace)
        return
    raise unsupported(f"estadd {kind} is")


def _targets(session: Session, models: str) -> list[ResultSet]:
    if models.strip():
        return [named_estimates(session, one) for one in model_names(session, models.split())]
    current = session.e
    if not (current.matrices or current.scalars):
        raise StataError(301, "last estimates not found")
    # What eststo has just stored is a copy of the current results; both get the addition.
    model = current.hidden.get("estimation")
    twins = [kept for kept in stored_estimates(session).values() if kept.hidden.get("estimation") is model]
    return [current, *(kept for kept in twins if model is not None and kept is not current)]


def _put(target: ResultSet, kind: str, name: str, value: float | str | Matrix, *, replace: bool) -> None:
    if not replace and (name in target.scalars or name in target.macros or name in target.matrices):
        raise StataError(110, f"e({name}) already defined")
    if isinstance(value, Matrix):
        target.matrices[name] = value
    elif isinstance(value, str):
        target.macros[name] = value
    else:
        target.scalars[name] = value


def _add_given(session: Session, kind: str, rest: str, prefix: str, targets: list[ResultSet], *, replace: bool) -> None:
    found = re.match(r"(\w+)\s*(=?)\s*(.*)$", rest, re.DOTALL)
    if found is None:
        raise invalid_syntax()
    name, equals, typed = found.groups()
    value: float | str | Matrix
    if kind.startswith("mat"):
        from ssd.engine.commands.matrix_expression import evaluate_matrix

        value = evaluate_matrix(session, typed or name)
    elif kind.startswith("sca"):
        value = session.evaluate_number(typed) if typed else _scalar_named(session, name)
    elif equals:
        evaluated = session.evaluate_scalar(typed)
        value = evaluated if isinstance(evaluated, str) else f"{evaluated:.10g}"
    else:
        value = strip_quotes(typed)
    for target in targets:
        _put(target, kind, prefix + name, value, replace=replace)


def _scalar_named(session: Session, name: str) -> float:
    value = session.scalars.get(name)
    if not isinstance(value, float | int):
        raise StataError(111, f"scalar {name} not found")
    return float(value)


def _add_computed(
    session: Session, kind: str, target: ResultSet, options: list[TypedOption], prefix: str, *, replace: bool
) -> None:
    if options and kind not in {"summ", "ysumm"}:
        raise StataError(198, f"option {options[0].named} not allowed")
    if kind == "beta":
        add_beta(session, target, prefix)
    elif kind in {"mean", "sd", "summ"}:
        _add_moments(session, kind, target, prefix)
    elif kind == "ysumm":
        _add_outcome(session, target, prefix, replace=replace)
    elif kind == "vif":
        _add_vif(session, target, prefix)
    else:
        _add_likelihood(kind, target, prefix, replace=replace)


def _columns(
    session: Session, target: ResultSet
) -> tuple[list[str], dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]]:
    """Names of e(b) and the values behind those that are terms of the data, on the estimation sample."""
    from ssd.engine.commands.estimation import SessionSource, parse_varlist
    from ssd.engine.stats.design import build

    if target.sample is None or len(target.sample) != session.data.n_obs:
        raise StataError(459, "estimation sample not found")
    names = target.matrices["b"].cols
    source = SessionSource(session)
    values = {}
    for name in names:
        term = re.sub(r"(?<=\d)b?o?(?=\.)", "", name.rpartition(":")[2])
        term = re.sub(r"(^|(?<=#))c?o\.", "", term)
        if term == "_cons" or (term.partition(".")[2] == "" and term not in session.data.variables):
            continue
        design = build(parse_varlist(session, [term]), source, target.sample, constant=False)
        X = design.matrix(source, target.sample)
        if X.shape[1] == 1:
            values[name] = X[:, 0]
    return names, values


def _moments(
    session: Session, target: ResultSet, x: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[float, float]:
    """Mean and standard deviation under the weights of the estimation."""
    w = np.ones(len(x))
    if target.macros.get("wexp"):
        expression = target.macros["wexp"].removeprefix("=").strip()
        w = session.evaluate_numbers(expression)
        w = w[target.sample]
    n = float(w.sum()) if target.macros.get("wtype") == "fweight" else float(len(x))
    mean = float(np.average(x, weights=w))
    variance = float(np.average((x - mean) ** 2, weights=w)) * n / (n - 1) if n > 1 else MISSING
    return mean, variance**0.5 if variance < MISSING else MISSING


def add_beta(session: Session, target: ResultSet, prefix: str = "") -> None:
    """e(beta): b times the standard deviation of the regressor over that of the outcome."""
    outcome = (target.macros.get("depvar", "").split() or [""])[0]
    if outcome not in session.data.variables:
        raise StataError(198, "beta not available: the dependent variable is not in the data")
    names, values = _columns(session, target)
    assert target.sample is not None
    _, sd_y = _moments(session, target, session.data.numeric(outcome)[target.sample])
    b = target.matrices["b"].values[0]
    beta = np.full(len(names), MISSING)
    for j, name in enumerate(names):
        if name in values and sd_y > 0.0:
            beta[j] = b[j] * _moments(session, target, values[name])[1] / sd_y
    kept = [j for j, name in enumerate(names) if name.rpartition(":")[2] != "_cons"]
    target.matrices[prefix + "beta"] = Matrix(beta[kept].reshape(1, -1), ["y1"], [names[j] for j in kept])


def _add_moments(session: Session, kind: str, target: ResultSet, prefix: str) -> None:
    names, values = _columns(session, target)
    shown = [name for name in names if name in values]
    moments = [_moments(session, target, values[name]) for name in shown]
    wanted = {"mean": [m for m, _ in moments], "sd": [s for _, s in moments]}
    if kind == "summ":
        wanted |= {"min": [float(values[n].min()) for n in shown], "max": [float(values[n].max()) for n in shown]}
    for what, numbers in wanted.items():
        if kind in {"summ", what}:
            target.matrices[prefix + what] = Matrix(np.array([numbers], dtype=np.float64), ["y1"], shown)


def _add_outcome(session: Session, target: ResultSet, prefix: str, *, replace: bool) -> None:
    outcome = (target.macros.get("depvar", "").split() or [""])[0]
    if outcome not in session.data.variables or target.sample is None:
        raise StataError(198, "ysumm not available: the dependent variable is not in the data")
    y = session.data.numeric(outcome)[target.sample]
    y = y[~is_missing(y)]
    mean, sd = _moments(session, target, y)
    values = {"ymean": mean, "ysd": sd, "ymin": float(y.min()), "ymax": float(y.max())}
    for name, value in values.items():
        _put(target, "scalar", prefix + name, value, replace=replace)


def _add_vif(session: Session, target: ResultSet, prefix: str) -> None:
    names, values = _columns(session, target)
    shown = [name for name in names if name in values and values[name].std() > 0.0]
    if not shown:
        raise StataError(198, "vif not available: the model has no regressors")
    correlations = np.corrcoef(np.column_stack([values[name] for name in shown]), rowvar=False).reshape(
        len(shown), len(shown)
    )
    factors = np.diag(np.linalg.inv(correlations)).reshape(1, -1)
    target.matrices[prefix + "vif"] = Matrix(factors.copy(), ["y1"], shown)


def _add_likelihood(kind: str, target: ResultSet, prefix: str, *, replace: bool) -> None:
    """Pseudo R-squared of Cox and Snell (1989), and as rescaled by Nagelkerke (1991)."""
    needed = [target.scalars.get(name, MISSING) for name in ("ll", "ll_0", "N")]
    if any(value >= MISSING for value in needed):
        raise StataError(198, f"{kind} not available: e(ll), e(ll_0) or e(N) is missing")
    ll, ll_0, n = needed
    r2 = 1.0 - float(np.exp(2.0 / n * (ll_0 - ll)))
    if kind == "nagelkerke":
        r2 /= 1.0 - float(np.exp(2.0 / n * ll_0))
    _put(target, "scalar", prefix + kind, r2, replace=replace)
