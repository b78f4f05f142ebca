"""rotate: orthogonal and oblique rotations after pca and factor."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import estimation_of
from ssd.engine.commands.factor_analysis import factor_variances, show_factors
from ssd.engine.commands.factor_model import Solution, last_solution
from ssd.engine.commands.factor_pca import component_variances, show_components
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.tables import number
from ssd.engine.results import Matrix
from ssd.engine.session import Session
from ssd.engine.stats import rotation


@command(
    "rotate",
    "[, ORTHogonal OBLique VARImax QUARTIMAX EQUAmax PARSimax QUARTIMIN OBLIMIN OBLIMIN(real 0) PROmax "
    "PROmax(real 3) CF(real 0) NORMalize KAIser FACtors(integer 0) COMponents(integer 0) BLanks(real 0) CLEAR "
    "ENTropy TANDEM1 TANDEM2 TARget(string) PARTial(string) BENTler OBLIMAX MINEntropy VGPF INFomax]",
    stored="e(r_L) e(r_T) e(r_Phi) e(r_Ev) e(r_class) e(r_criterion) e(r_normalization)",
    refused="entropy, tandem1, tandem2, target(), partial(), bentler, oblimax, infomax; factors() below the retained",
)
def rotate(session: Session, line: Line) -> None:
    """Rotate the loadings of the last pca or factor."""
    solution = last_solution(session)
    for name in ("entropy", "tandem1", "tandem2", "target", "partial", "bentler", "oblimax", "minentropy", "infomax"):
        if line.options.get(name):
            raise unsupported(f"rotate, {name} is")
    if line.flag("clear"):
        _keep(session, replace(solution, rotated=None, T=None, phi=None, rotation=""), "", "", "")
        return
    m = solution.loadings.shape[1]
    asked = int(str(line.options.get("factors") or line.options.get("components") or m))
    if asked != m:
        raise unsupported("rotate, factors() below the number retained is")
    if m < 2:
        session.log.line("(rotation of a single factor is a no-op)")
        return
    kaiser = line.flag("normalize") or line.flag("kaiser")
    criterion, title, found = _rotate(line, solution.loadings, kaiser)
    found = rotation.in_order(found, _variances(solution, found))
    oblique = not np.allclose(found.phi, np.eye(m), atol=1e-12)
    kind = "oblique" if oblique else "orthogonal"
    text = f"{kind} {title} (Kaiser {'on' if kaiser else 'off'})"
    rotated = replace(solution, rotated=found.loadings, T=found.T, phi=found.phi, rotation=text)
    _keep(session, rotated, kind, criterion, "kaiser" if kaiser else "none")
    if solution.prefix == "Comp":
        show_components(session, rotated, float(str(line.options.get("blanks") or 0)))
    else:
        show_factors(session, rotated, line)


def _rotate(line: Line, L: FloatArray, kaiser: bool) -> tuple[str, str, rotation.Rotated]:
    """Name of the criterion, its title and the rotated loadings."""
    p, m = L.shape
    oblique = line.flag("oblique")
    kappas = {"varimax": 1.0 / p, "quartimax": 0.0, "equamax": m / (2.0 * p), "parsimax": (m - 1.0) / (p + m - 2.0)}
    typed = [name for name in (*kappas, "quartimin") if line.flag(name)]
    typed += [name for name in ("oblimin", "promax", "cf") if name in line.typed]
    if len(typed) > 1:
        raise StataError(198, "only one rotation criterion may be specified")
    name = typed[0] if typed else ("oblimin" if oblique else "varimax")
    if name == "promax":
        power = _number(line, "promax", 3.0)
        if not power > 1.0:
            raise StataError(198, "promax() should be larger than 1")
        return name, f"promax({number(power)})" if power != 3.0 else "promax", rotation.promax(L, power, kaiser)
    if name in ("oblimin", "quartimin"):
        gamma = _number(line, "oblimin", 0.0) if name == "oblimin" else 0.0
        turn = (
            rotation.oblique if oblique or name == "quartimin" or not line.flag("orthogonal") else rotation.orthogonal
        )
        if name == "oblimin" and not oblique:
            turn = rotation.orthogonal
        title = f"oblimin({number(gamma)})" if gamma else name
        return name, title, turn(L, rotation.oblimin(gamma), kaiser)
    kappa = _number(line, "cf", 0.0) if name == "cf" else kappas[name]
    if oblique and name == "varimax":
        raise StataError(198, "varimax may only be used with orthogonal rotations")
    turn = rotation.oblique if oblique else rotation.orthogonal
    title = f"Crawford-Ferguson({number(kappa)})" if name == "cf" else name
    return name, title, turn(L, rotation.crawford_ferguson(kappa), kaiser)


def _variances(solution: Solution, found: rotation.Rotated) -> FloatArray:
    turned = replace(solution, rotated=found.loadings, T=found.T, phi=found.phi)
    return component_variances(turned) if solution.prefix == "Comp" else factor_variances(turned)


def _number(line: Line, name: str, default: float) -> float:
    """The argument of promax() and its kin, which may also be typed as flags."""
    value = line.options.get(name)
    if isinstance(value, bool) or value is None:
        return default
    match = re.fullmatch(r"\s*([-+.\deE]+)\s*", str(value))
    if match is None:
        raise StataError(198, f"{name}() invalid")
    return float(match[1])


def _keep(session: Session, solution: Solution, kind: str, criterion: str, normalization: str) -> None:
    estimation_of(session).predictions["solution"] = solution
    e = session.e
    for name in ("r_L", "r_T", "r_Phi", "r_Ev"):
        e.matrices.pop(name, None)
    for name in ("r_class", "r_criterion", "r_normalization"):
        e.macros.pop(name, None)
    if solution.rotated is None or solution.T is None or solution.phi is None:
        return
    names, columns = list(solution.moments.names), solution.columns
    variances = component_variances(solution) if solution.prefix == "Comp" else factor_variances(solution)
    e.macros |= {"r_class": kind, "r_criterion": criterion, "r_normalization": normalization}
    e.matrices["r_L"] = Matrix(solution.rotated.copy(), names, list(columns))
    e.matrices["r_T"] = Matrix(solution.T.copy(), list(columns), list(columns))
    e.matrices["r_Phi"] = Matrix(solution.phi.copy(), list(columns), list(columns))
    e.matrices["r_Ev"] = Matrix(variances.reshape(1, -1).copy(), ["Variance"], list(columns))
