"""return, ereturn, sreturn: what programs leave behind, and listing it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.language_macros import assigned_value
from ssd.engine.errors import StataError, invalid_syntax, name_not_found
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.numbertext import number_text
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import BoolArray
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SUBCOMMAND: Final = re.compile(
    r"\s*(?:(?:hidden|historical(?:\([^)]*\))?)\s+)?(?P<word>\w*)\s*(?P<rest>.*)", re.DOTALL
)
_NAMED: Final = re.compile(r"(?P<name>\w+)\s*(?P<rest>.*)", re.DOTALL)


def _subcommand(text: str) -> tuple[str, str]:
    match = _SUBCOMMAND.fullmatch(text)
    if match is None:
        raise invalid_syntax()
    return match["word"], match["rest"]


def _abbreviates(word: str, full: str, minimum: int) -> bool:
    return len(word) >= minimum and full.startswith(word)


def store(session: Session, results: ResultSet, kind: str, text: str) -> None:
    """`scalar name = exp`, `local name …`, `matrix name [=] M [, copy]` into a result set."""
    match = _NAMED.fullmatch(text.strip())
    if match is None:
        raise invalid_syntax()
    name, rest = match["name"], match["rest"]
    for table in (results.scalars, results.macros, results.matrices):
        table.pop(name, None)
    if kind == "scalar":
        expression = rest.strip().removeprefix("=").strip()
        if not expression:
            raise invalid_syntax()
        results.scalars[name] = session.evaluate_number(expression)
    elif kind == "local":
        results.macros[name] = assigned_value(session, rest)
    else:
        results.matrices[name] = _take_matrix(session, rest)


def _take_matrix(session: Session, text: str) -> Matrix:
    main, options = split_comma(text.strip().removeprefix("="))
    name = main.strip()
    if name not in session.matrices:
        raise name_not_found(f"matrix {name}")
    copied = (options or "").strip() == "copy"
    return session.matrices[name] if copied else session.matrices.pop(name)


@command("return", "*", minimum=3)
def return_(session: Session, line: Line) -> None:
    """Store results of an r-class program, or list r()."""
    word, rest = _subcommand(line.text)
    if _abbreviates(word, "list", 1):
        list_results(session, "r", session.r)
        return
    call = session.calls[-1]
    if word in ("scalar", "sca", "local", "loc", "matrix", "mat"):
        if call.program is None or call.program.kind != "rclass":
            raise StataError(151, "non r-class program may not set r()")
        store(session, call.results, {"s": "scalar", "l": "local", "m": "matrix"}[word[0]], rest)
    elif word == "add":
        _add(call.results, session.r)
    elif word == "clear":
        call.results = ResultSet()
    else:
        raise invalid_syntax()


def _add(target: ResultSet, source: ResultSet) -> None:
    """`return add`: what r() holds and return() does not."""
    target.scalars = {**source.scalars, **target.scalars}
    target.macros = {**source.macros, **target.macros}
    target.matrices = {**source.matrices, **target.matrices}


@command("ereturn", "*", minimum=3, refused="ereturn display options other than level() and eform()")
def ereturn(session: Session, line: Line) -> None:
    """Store results of an e-class program, or list e()."""
    word, rest = _subcommand(line.text)
    if _abbreviates(word, "list", 1):
        list_results(session, "e", session.e)
    elif word in ("scalar", "sca", "local", "loc", "matrix", "mat"):
        store(session, session.e, {"s": "scalar", "l": "local", "m": "matrix"}[word[0]], rest)
    elif word == "clear":
        session.e = ResultSet()
    elif word == "post":
        post(session, rest)
    elif word == "repost":
        repost(session, rest)
    elif _abbreviates(word, "display", 2):
        display_estimates(session, rest)
    else:
        raise invalid_syntax()


_POST: Final = (
    "[, ESample(name) Depname(string) Obs(integer -1) DOF(real 1e300) PROPerties(string) FINDomitted BUILDfvinfo]"
)


def post(session: Session, text: str) -> None:
    """`ereturn post [b [V [Cns]]] [, esample() depname() obs() dof() properties()]`. Raises r(503), r(504), r(507)."""
    main, option_text = split_comma(text)
    values, _, _ = match_options(option_text, compile_grammar(_POST), session)
    names = main.replace("=", " ").split()
    results = ResultSet()
    for kind, name in zip(("b", "V", "Cns"), names, strict=False):
        if name not in session.matrices:
            raise name_not_found(f"matrix {name}")
        results.matrices[kind] = session.matrices[name]
    _check_posted(results)
    if values["depname"] is not None:
        results.macros["depvar"] = str(values["depname"])
    if values["obs"] != -1:
        results.scalars["N"] = float(str(values["obs"]))
    if values["dof"] != 1e300:
        results.scalars["df_r"] = float(str(values["dof"]))
    if "b" in results.matrices:
        results.macros["properties"] = str(
            values["properties"] or " ".join(k for k in ("b", "V") if k in results.matrices)
        )
    if values["esample"] is not None:
        results.sample = take_sample(session, str(values["esample"]))
    for name in names[:3]:
        session.matrices.pop(name, None)
    session.e = results


def take_sample(session: Session, name: str) -> BoolArray:
    """e(sample) from a 0/1 variable, which is dropped."""
    if name not in session.data.variables:
        raise StataError(111, f"variable {name} not found")
    sample: BoolArray = session.data.numeric(name) != 0
    session.data.drop([name])
    return sample


def _check_posted(results: ResultSet) -> None:
    b, variance = results.matrices.get("b"), results.matrices.get("V")
    if b is not None and len(b.rows) != 1:
        raise StataError(503, "conformability error")
    if b is None or variance is None:
        return
    if variance.values.shape != (len(b.cols), len(b.cols)):
        raise StataError(503, "conformability error")
    if variance.cols != b.cols or variance.rows != b.cols:
        raise StataError(507, "name conflict")
    if not np.isfinite(variance.values).all() or not (np.abs(variance.values) < 2.0**1023).all():
        raise StataError(504, "matrix has missing values")


def repost(session: Session, text: str) -> None:
    """`ereturn repost [b = M] [V = M] [, esample() rename]`. Raises r(301) without estimates."""
    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    main, option_text = split_comma(text)
    grammar = compile_grammar("[, ESample(name) REName PROPerties(string) FINDomitted BUILDfvinfo]")
    values, _, _ = match_options(option_text, grammar, session)
    old = session.e.matrices["b"]
    for kind, name in re.findall(r"(b|V|Cns)\s*=\s*(\w+)", main):
        if name not in session.matrices:
            raise name_not_found(f"matrix {name}")
        new = session.matrices.pop(name)
        if values["rename"] is not True and kind == "b" and new.cols != old.cols:
            raise StataError(507, "name conflict")
        session.e.matrices[kind] = new
    _check_posted(session.e)
    if values["esample"] is not None:
        session.e.sample = take_sample(session, str(values["esample"]))


def display_estimates(session: Session, text: str) -> None:
    """`ereturn display`: the coefficient table of e(b) and e(V), and r(table). Raises r(301)."""
    from ssd.engine.output.estimation import CoefficientTable, print_coefficients, result_table

    b, variance = session.e.matrices.get("b"), session.e.matrices.get("V")
    if b is None or variance is None:
        raise StataError(301, "last estimates not found")
    values, _, _ = match_options(split_comma(text)[1], compile_grammar("[, Level(cilevel) EForm(string)]"), session)
    heading = values["eform"]
    table = CoefficientTable(
        names=b.cols,
        b=b.values[0],
        V=variance.values,
        depvar=session.e.macros.get("depvar", ""),
        df=session.e.scalars.get("df_r"),
        level=float(str(values["level"])),
        vce_heading=session.e.macros.get("vcetype", ""),
        coefficient_heading=str(heading) if heading is not None else "Coefficient",
        eform=heading is not None,
        data=session.data,
    )
    print_coefficients(session.log, table)
    session.r = ResultSet(scalars={"level": table.level}, matrices={"table": result_table(table)})


@command("sreturn", "*", minimum=3)
def sreturn(session: Session, line: Line) -> None:
    """Store results of an s-class program, or list s()."""
    word, rest = _subcommand(line.text)
    if _abbreviates(word, "list", 1):
        list_results(session, "s", session.s)
    elif word in ("local", "loc"):
        store(session, session.s, "local", rest)
    elif word == "clear":
        session.s = ResultSet()
    else:
        raise invalid_syntax()


def list_results(session: Session, which: str, results: ResultSet) -> None:
    """Print scalars, macros, matrices and functions under their headings."""
    log = session.log
    if results.scalars:
        log.line("\nscalars:")
        for name, value in results.scalars.items():
            log.line(f"{f'{which}({name})':>22} =  {number_text(value)}")
    if results.macros:
        log.line("\nmacros:")
        for name, text in results.macros.items():
            log.line(f'{f"{which}({name})":>22} : "{text}"')
    if results.matrices:
        log.line("\nmatrices:")
        for name, matrix in results.matrices.items():
            log.line(f"{f'{which}({name})':>22} :  {len(matrix.rows)} x {len(matrix.cols)}")
    if results.sample is not None:
        log.line("\nfunctions:")
        log.line(f"{f'{which}(sample)':>22}   ")
    log.line()
