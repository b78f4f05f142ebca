"""stepwise: choice of regressors by significance, as a prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import command_line
from ssd.engine.commands.repeated_runs import run_quietly, split_prefix
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.selection_steps import Search

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MODELS = frozenset({"regress", "logit", "logistic", "probit", "poisson", "nbreg", "cloglog"})
_MAIN = re.compile(
    r"(?P<name>\w+)\s+(?P<depvar>\w+)\s*(?P<terms>[^\[]*?)(?P<rest>(?:\s+(?:if|in)\s.*|\s*\[.*)?)$", re.DOTALL
)


@command(
    "stepwise",
    "*",
    minimum=4,
    stored="everything the estimation command leaves, e(stepwise) = stepwise",
    refused="lr, hierarchical, collinear terms, factor variables and time-series operators, "
    "commands other than regress, logit, logistic, probit, poisson, nbreg, cloglog",
)
def stepwise(session: Session, line: Line) -> None:
    """Stepwise estimation: backward with pr(), forward with pe(), both with both."""
    prefix = split_prefix(session, line, "PR(real -1) PE(real -1) FORWard LOCKterm1 HIERarchical LR")
    options = prefix.options
    for name in ("hierarchical", "lr"):
        if options.get(name) is True:
            raise unsupported(f"option {name} of stepwise is")
    remove, enter = _threshold(options, "pr"), _threshold(options, "pe")
    if remove is None and enter is None:
        raise StataError(198, "must specify pr() or pe() or both")
    if remove is not None and enter is not None and remove <= enter:
        raise StataError(198, "pe() must be smaller than pr()")
    forward = options.get("forward") is True
    if forward and enter is None:
        raise StataError(198, "option forward requires pe()")
    model = _Model(session, prefix.command)
    direction = enter is not None and (remove is None or forward)
    search = Search(len(model.terms), model.p_values, remove, enter, options.get("lockterm1") is True)
    before = session.e
    try:
        search.run(forward=direction)
    except StataError:
        session.e = before
        raise
    _report(session, search, model, forward=direction)
    session.run(model.text(search.chosen))
    session.e.macros["stepwise"] = "stepwise"
    session.e.macros["cmdline"] = command_line(line).replace("stepwise ,", "stepwise,", 1)


def _threshold(options: dict[str, object], name: str) -> float | None:
    value = options.get(name)
    if not isinstance(value, int | float) or value == -1:
        return None
    if not 0.0 < value < 1.0:
        raise StataError(198, f"{name}() must be between 0 and 1")
    return float(value)


class _Model:
    """The estimation command with any of its terms, always on the sample that is complete in all of them."""

    def __init__(self, session: Session, typed: str) -> None:
        self.session = session
        main, options = split_comma(typed)
        found = _MAIN.fullmatch(main.strip())
        if found is None:
            raise invalid_syntax()
        declared = session.interpreter.registry.find(found["name"])
        if declared is None or declared.name not in _MODELS:
            raise unsupported(f"stepwise with {found['name']} is")
        self.command = declared.name
        if re.search(r"[.#]", found["terms"]):
            raise StataError(101, "factor-variable and time-series operators not allowed")
        self.depvar = session.variable_named(found["depvar"])
        self.terms = self._terms(found["terms"])
        if not self.terms:
            raise StataError(102, "too few variables specified")
        self.rest = found["rest"]
        self.options = f", {options}" if options else ""

    def _terms(self, typed: str) -> list[list[str]]:
        terms: list[list[str]] = []
        for group, word in re.findall(r"\(([^()]*)\)|([^\s()]+)", typed):
            names = self.session.expand_varlist(group or word)
            terms += [names] if group else [[name] for name in names]
        return terms

    def text(self, chosen: Sequence[int]) -> str:
        names = [name for j in chosen for name in self.terms[j]]
        every = ", ".join([self.depvar, *(name for term in self.terms for name in term)])
        condition = f"if !missing({every})"
        rest = self.rest
        typed = re.match(r"\s+if\s+(?P<condition>.*?)(?P<after>\s+in\s.*|\s*\[.*)?$", rest, re.DOTALL)
        if typed is not None:
            rest = f" {condition} & ({typed['condition']}){typed['after'] or ''}"
        else:
            rest = f" {condition}{rest}"
        return f"{self.command} {self.depvar} {' '.join(names)}{rest}{self.options}"

    def p_values(self, chosen: Sequence[int]) -> dict[int, float]:
        """Wald tests of the chosen terms in the model of exactly those."""
        if not chosen:
            return {}
        run_quietly(self.session, self.text(chosen))
        results = self.session.e
        b, V = results.matrices["b"], results.matrices["V"].values
        names = [name.rpartition(":")[2] for name in b.cols]
        df_r = results.scalars.get("df_r", MISSING)
        found = {}
        for j in chosen:
            if any(name not in names for name in self.terms[j]):
                raise unsupported("stepwise with collinear or perfectly predicting variables is")
            at = [names.index(name) for name in self.terms[j]]
            W, rank = wald(b.values[0][at], np.asarray(V[np.ix_(at, at)]))
            if rank < len(at):
                raise unsupported("stepwise with collinear or perfectly predicting variables is")
            found[j] = chi2_tail(W, rank) if df_r >= MISSING else f_tail(W / rank, rank, df_r)
        return found


def _report(session: Session, search: Search, model: _Model, *, forward: bool) -> None:
    log = session.log
    start = "empty model" if forward and not search.locked else "term 1 model" if forward else "full model"
    log.line()
    log.line(f"Wald test, begin with {start}:")
    for action, term, p in search.steps:
        sign, limit = (">=", search.remove_at) if action == "removing" else ("< ", search.enter_below)
        log.line(f"p = {p:.4f} {sign} {limit:.4f}, {action} {' '.join(model.terms[term])}")
    if not search.steps:
        if forward:
            log.line(f"p >= {search.enter_below:.4f}, for all terms not in model")
        else:
            log.line(f"p < {search.remove_at:.4f}, for all terms in model")
