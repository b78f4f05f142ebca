"""linktest: specification-link test after single-equation models ([R] linktest)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import estimation_of, marked_sample
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session

_ALLOWED = frozenset({
    "regress", "logit", "logistic", "probit", "cloglog", "poisson", "nbreg", "ologit", "oprobit", "tobit", "glm",
    "qreg", "rreg", "cnsreg", "truncreg", "intreg", "stcox", "streg", "scobit", "cpoisson",
})  # fmt: skip


@command("linktest", "[if] [in] [, *]", stored="r(t) r(df) r(p_value); e() of the model in _hat and _hatsq",
         refused="after commands other than the single-equation models listed in its error")  # fmt: skip
def linktest(session: Session, line: Line) -> None:
    """Specification-link test: refit the model on its prediction and the prediction squared."""
    estimation = estimation_of(session)
    name = session.e.macros.get("cmd", "")
    if name not in _ALLOWED:
        raise unsupported(f"linktest after {name} is")
    for variable in ("_hat", "_hatsq"):
        if variable in session.data.variables:
            raise StataError(110, f"variable {variable} already defined")
    rows = np.ones(session.data.n_obs, dtype=np.bool_)
    linear = linear_prediction(session, estimation, rows, offset=False)
    values = np.full(session.data.n_obs, MISSING)
    defined = linear.defined
    values[defined] = linear.xb(defined)
    kind, expression = estimation.weights
    weight = f" [{kind}={expression}]" if kind else ""
    sample = marked_sample(session)
    text = line.text.strip()
    condition, _, options = text.partition(",")
    options = _own_options(session, options)
    depvar = session.e.macros.get("depvar", "")
    restricted = condition.strip() or "if __linktest_sample"
    session.data.add("_hat", values, "float", label="Linear prediction")
    # Both variables have the default storage type, which shows in the last printed digit.
    stored = session.data.numeric("_hat")
    squares = np.where(stored < MISSING, np.where(stored < MISSING, stored, 0.0) ** 2, MISSING)
    session.data.add("_hatsq", squares, "float")
    session.data.add("__linktest_sample", sample.astype(np.float64), "byte")
    try:
        tail = f", {options}" if options else ""
        outcome = depvar if name not in {"stcox", "streg"} else ""
        session.run(f"{name} {outcome} _hat _hatsq {restricted}{weight}{tail}")
    finally:
        session.data.drop(["_hat", "_hatsq", "__linktest_sample"])
    b = session.e.matrices["b"]
    at = next((j for j, each in enumerate(b.cols) if each.rpartition(":")[2] == "_hatsq"), None)
    if at is None:
        raise StataError(498, "the squared prediction was omitted; the link cannot be tested")
    variance = float(session.e.matrices["V"].values[at, at])
    df = session.e.scalars.get("df_r", MISSING)
    t = float(b.values[0, at]) / variance**0.5 if variance > 0.0 else MISSING
    scalars = {"t": t, "df": df}
    if t < MISSING:
        scalars["p_value"] = two_sided(t, df if df < MISSING else None)
    session.r = ResultSet(scalars=scalars)


def _own_options(session: Session, typed: str) -> str:
    """The options the refit needs so that it is the same model: limits of tobit, family of glm, and so on."""
    from ssd.engine.lang.quoting import split_comma

    command_line = session.e.macros.get("cmdline", "")
    _, earlier = split_comma(command_line)
    kept = []
    for word in _split_options(earlier or ""):
        name = word.partition("(")[0].lower()
        if name in {"ll", "ul", "q", "quantile", "quantil", "f", "family", "l", "link", "offset", "exposure", "e",
                    "off", "exp", "dist", "distribution", "d", "nohr", "tune", "dispersion"}:  # fmt: skip
            kept.append(word)
    return " ".join([*kept, typed.strip()]).strip()


def _split_options(text: str) -> list[str]:
    """Words of an option list; parenthesised values stay with their names."""
    words: list[str] = []
    depth, current = 0, ""
    for char in text:
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        if char.isspace() and depth == 0:
            if current:
                words.append(current)
            current = ""
        else:
            current += char
    if current:
        words.append(current)
    joined: list[str] = []
    for word in words:
        if word.startswith("(") and joined:
            joined[-1] += word
        else:
            joined.append(word)
    return joined
