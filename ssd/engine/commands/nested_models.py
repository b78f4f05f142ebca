"""nestreg: nested model statistics, as a prefix ([R] nestreg)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import marked_sample
from ssd.engine.commands.repeated_runs import run_quietly, split_prefix
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MODELS = frozenset({
    "regress", "logit", "logistic", "probit", "cloglog", "poisson", "nbreg", "ologit", "oprobit", "tobit", "qreg",
    "rreg", "glm", "intreg", "areg", "stcox", "streg",
})  # fmt: skip
_MAIN = re.compile(
    r"(?P<name>\w+)\s+(?P<depvar>[\w.]+)\s*(?P<blocks>.*?)(?P<rest>(?:\s+(?:if|in)\s.*|\s*\[.*)?)$", re.DOTALL
)


@dataclass(frozen=True)
class _Row:
    """Statistics of one added block."""

    statistic: float
    df: float
    df_r: float
    p: float
    r2: float
    ll: float
    lr: float
    aic: float
    bic: float


@command(
    "nestreg",
    "*",
    stored="r(wald) r(lr); e() of the largest model",
    refused="store(), commands other than the single-equation models of [R] nestreg, blocks that lose a coefficient",
)
def nestreg(session: Session, line: Line) -> None:
    """Nested models: blocks of regressors entered one after the other, with tests of each block."""
    prefix = split_prefix(session, line, "WALDtable LRtable QUIetly STOre(name)")
    if prefix.options.get("store"):
        raise unsupported("option store() of nestreg is")
    lr = prefix.options.get("lrtable") is True
    both = prefix.options.get("waldtable") is True or not lr
    main, options = split_comma(prefix.command)
    found = _MAIN.fullmatch(main.strip())
    if found is None:
        raise invalid_syntax()
    declared = session.interpreter.registry.find(found["name"])
    if declared is None or declared.name not in _MODELS:
        raise unsupported(f"nestreg with {found['name']} is")
    blocks = _blocks(session, found["blocks"])
    if not blocks:
        raise StataError(102, "too few variables specified")
    depvar = "" if declared.name in {"stcox", "streg"} else found["depvar"]
    if not depvar:
        blocks = [_blocks(session, found["depvar"])[0], *blocks]
    tail = found["rest"] + (f", {options}" if options else "")
    # All models use the observations of the largest one.
    every = " ".join(word for block in blocks for word in block)
    run_quietly(session, f"{declared.name} {depvar} {every}{tail}")
    sample = marked_sample(session)
    session.data.add("__nestreg_sample", sample.astype(np.float64), "byte")
    rows: list[_Row] = []
    log = session.log
    rest = _with_sample(found["rest"]) + (f", {options}" if options else "")
    null = _null_model(session, declared.name, depvar, rest) if lr else (MISSING, 0.0)
    try:
        previous, known = null, 0
        for index, block in enumerate(blocks, 1):
            log.line()
            log.line(f"Block {index}: {' '.join(block)}")
            text = " ".join(word for earlier in blocks[:index] for word in earlier)
            session.run(f"{declared.name} {depvar} {text}{rest}", quiet=prefix.options.get("quietly") is True)
            rows.append(_row(session, known, previous))
            known = _slopes(session)
            previous = (session.e.scalars.get("ll", MISSING), session.e.scalars.get("rank", MISSING))
    finally:
        session.data.drop(["__nestreg_sample"])
    results = ResultSet()
    if both:
        results.matrices["wald"] = _wald_table(session, rows)
    if lr:
        results.matrices["lr"] = _lr_table(session, rows)
    session.r = results


def _blocks(session: Session, text: str) -> list[list[str]]:
    blocks: list[list[str]] = []
    for group, word in re.findall(r"\(([^()]*)\)|([^\s()]+)", text):
        names: list[str] = []
        for each in (group or word).split():
            names += [each] if re.search(r"[.#]", each) else session.expand_varlist(each)
        blocks.append(names)
    return blocks


def _with_sample(rest: str) -> str:
    typed = re.match(r"\s+if\s+(?P<condition>.*?)(?P<after>\s+in\s.*|\s*\[.*)?$", rest, re.DOTALL)
    if typed is not None:
        return f" if __nestreg_sample & ({typed['condition']}){typed['after'] or ''}"
    return f" if __nestreg_sample{rest}"


def _null_model(session: Session, name: str, depvar: str, rest: str) -> tuple[float, float]:
    run_quietly(session, f"{name} {depvar}{rest}")
    return session.e.scalars.get("ll", MISSING), session.e.scalars.get("rank", MISSING)


def _slopes(session: Session) -> int:
    return len(_positions(session))


def _positions(session: Session) -> list[int]:
    """Estimated slopes of the main equation."""
    b, V = session.e.matrices["b"], session.e.matrices["V"].values
    first = b.cols[0].rpartition(":")[0]
    return [
        j
        for j, name in enumerate(b.cols)
        if name.rpartition(":")[0] == first and not name.endswith("_cons") and V[j, j] > 0.0
    ]


def _row(session: Session, known: int, previous: tuple[float, float]) -> _Row:
    e = session.e.scalars
    at = _positions(session)[known:]
    b, V = session.e.matrices["b"].values[0], session.e.matrices["V"].values
    if not at:
        raise unsupported("a block whose coefficients are all omitted is")
    W, rank = wald(b[at], np.asarray(V[np.ix_(at, at)], dtype=np.float64))
    df_r = e.get("df_r", MISSING)
    statistic = W / rank if df_r < MISSING else W
    p = f_tail(statistic, rank, df_r) if df_r < MISSING else chi2_tail(W, rank)
    r2 = e.get("r2", e.get("r2_p", MISSING))
    ll, k, n = e.get("ll", MISSING), e.get("rank", MISSING), e["N"]
    lr = 2.0 * (ll - previous[0]) if ll < MISSING and previous[0] < MISSING else MISSING
    known_ll = ll < MISSING and k < MISSING
    aic = -2.0 * ll + 2.0 * k if known_ll else MISSING
    bic = -2.0 * ll + float(np.log(n)) * k if known_ll else MISSING
    return _Row(statistic, float(rank), df_r, p, r2, ll, lr, aic, bic)


def _cell(value: float, digits: int, width: int) -> str:
    return f"{'.' if value >= MISSING else f'{value:.{digits}f}':>{width}}"


def _wald_table(session: Session, rows: list[_Row]) -> Matrix:
    log = session.log
    log.line()
    log.line()
    linear = rows[0].df_r < MISSING
    share = any(row.r2 < MISSING for row in rows)
    if linear and share:
        rule = "  +-------------------------------------------------------------+"
        log.line(rule)
        log.line("  |       |          Block  Residual                     Change |")
        log.line("  | Block |       F     df        df   Pr > F       R2    in R2 |")
        log.line("  |-------+-----------------------------------------------------|")
        before = 0.0
        for index, row in enumerate(rows, 1):
            change = MISSING if index == 1 else row.r2 - before
            shown = " " * 9 if index == 1 else _cell(change, 4, 9)
            log.line(
                f"  |{index:6d} |{row.statistic:8.2f}{row.df:7.0f}{row.df_r:10.0f}{row.p:9.4f}{row.r2:9.4f}{shown} |"
            )
            before = row.r2
        log.line(rule)
        names = ["F", "df1", "df2", "p", "R2"]
        values = np.array([[row.statistic, row.df, row.df_r, row.p, row.r2] for row in rows])
    elif linear:
        rule = "  +-------------------------------------------+"
        log.line(rule)
        log.line("  |       |          Block  Residual          |")
        log.line("  | Block |       F     df        df   Pr > F |")
        log.line("  |-------+-----------------------------------|")
        for index, row in enumerate(rows, 1):
            log.line(f"  |{index:6d} |{row.statistic:8.2f}{row.df:7.0f}{row.df_r:10.0f}{row.p:9.4f} |")
        log.line(rule)
        names = ["F", "df1", "df2", "p"]
        values = np.array([[row.statistic, row.df, row.df_r, row.p] for row in rows])
    else:
        rule = "  +---------------------------------+"
        log.line(rule)
        log.line("  |       |  Wald     Block         |")
        log.line("  | Block |   chi2       df  Pr>chi |")
        log.line("  |-------+-------------------------|")
        for index, row in enumerate(rows, 1):
            log.line(f"  |{index:6d} |{row.statistic:7.2f}{row.df:9.0f}{row.p:8.4f} |")
        log.line(rule)
        names = ["chi2", "df", "p"]
        values = np.array([[row.statistic, row.df, row.p] for row in rows])
    return Matrix(values, [f"b{i}" for i in range(1, len(rows) + 1)], names)


def _lr_table(session: Session, rows: list[_Row]) -> Matrix:
    log = session.log
    rule = "  +----------------------------------------------------------------+"
    log.line()
    log.line()
    log.line(rule)
    log.line("  | Block |        LL       LR     df  Pr > LR       AIC       BIC |")
    log.line("  |-------+--------------------------------------------------------|")
    values = []
    for index, row in enumerate(rows, 1):
        p = chi2_tail(row.lr, int(row.df)) if row.lr < MISSING else MISSING
        log.line(
            f"  |{index:6d} |{_cell(row.ll, 4, 10)}{_cell(row.lr, 2, 9)}{row.df:7.0f}{_cell(p, 4, 9)}"
            f"{_cell(row.aic, 4, 10)}{_cell(row.bic, 4, 10)} |"
        )
        values.append([row.ll, row.lr, row.df, p, row.aic, row.bic])
    log.line(rule)
    return Matrix(np.array(values), [f"b{i}" for i in range(1, len(rows) + 1)], ["ll", "chi2", "df", "p", "aic", "bic"])
