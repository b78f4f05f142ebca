"""matrix: define, list, names, accumulate, eigenvalues; mkmat and svmat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, build_regressors, parse_varlist, take_sample
from ssd.engine.commands.matrix_expression import evaluate_matrix, stored
from ssd.engine.data.storage import STORAGE
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.missing import MISSING, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.output.matrices import heading_lines
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SUBCOMMANDS = (
    ("define", 3), ("input", 3), ("list", 1), ("rownames", 4), ("colnames", 4), ("roweq", 4), ("coleq", 4),
    ("drop", 4), ("dir", 3), ("rename", 3), ("accum", 2), ("glsaccum", 3), ("vecaccum", 3), ("opaccum", 3),
    ("score", 2), ("symeigen", 4), ("eigenvalues", 5), ("svd", 3), ("rowjoinbyname", 13), ("coljoinbyname", 13),
)  # fmt: skip


@command(
    "matrix",
    "*",
    minimum=3,
    stored="r(N) with accum",
    refused="glsaccum, opaccum, rowjoinbyname, coljoinbyname",
)
def matrix(session: Session, line: Line) -> None:
    """Define, list, name and take apart matrices."""
    text = line.text.strip()
    word = re.match(r"[A-Za-z]+", text)
    rest = text[word.end() :] if word else ""
    name = word.group() if word else ""
    if re.match(r"\s*(\[[^=]*\])?\s*=(?!=)", rest) or not name:
        _define(session, text)
        return
    subcommand = next((s for s, least in _SUBCOMMANDS if s.startswith(name) and len(name) >= least), None)
    if subcommand is None:
        if re.match(r"\w+\s*(\[[^=]*\])?\s*=(?!=)", text):
            _define(session, text)
            return
        raise StataError(198, f"invalid subcommand {name}" if name else "invalid syntax")
    rest = rest.strip()
    if subcommand in {"define", "input"}:
        _define(session, _bracketed(rest) if subcommand == "input" else rest)
    elif subcommand == "list":
        _list(session, rest)
    elif subcommand in {"rownames", "colnames", "roweq", "coleq"}:
        _rename_parts(session, subcommand, rest)
    elif subcommand == "drop":
        _drop(session, rest)
    elif subcommand == "dir":
        for each, value in session.matrices.items():
            session.log.line(f"{each:>12}[{value.values.shape[0]},{value.values.shape[1]}]")
    elif subcommand == "rename":
        _rename(session, rest)
    elif subcommand in {"accum", "vecaccum"}:
        session.run(f"_matrix_{subcommand} {rest}")
    elif subcommand == "score":
        session.run(f"_matrix_score {rest}")
    elif subcommand in {"symeigen", "eigenvalues", "svd"}:
        _decompose(session, subcommand, rest)
    else:
        raise unsupported(f"matrix {subcommand} is")


def _bracketed(text: str) -> str:
    """matrix input separates elements by blanks as well as commas."""
    name, _, inner = text.partition("=")
    rows = inner.strip().strip("()").split("\\")
    return name + "= (" + "\\".join(",".join(row.replace(",", " ").split()) for row in rows) + ")"


def _check_matsize(session: Session, value: Matrix) -> None:
    limit = int(session.settings.get("matsize", "11000"))
    if max(value.values.shape) > limit:
        raise StataError(908, f"matsize too small\nThe limit is {limit:,} rows or columns; set matsize raises it.")


def _define(session: Session, text: str) -> None:
    match = re.match(r"\s*([^\W\d]\w*)\s*(\[([^\]]*)\])?\s*=(.*)$", text, re.DOTALL)
    if match is None:
        raise invalid_syntax()
    name = match.group(1)
    value = evaluate_matrix(session, match.group(4))
    _check_matsize(session, value)
    if match.group(2) is None:
        session.matrices[name] = value
        return
    target = stored(session, name)
    pieces = match.group(3).split(",")
    if len(pieces) != 2:
        raise invalid_syntax()
    i, j = (int(session.evaluate_number(piece)) - 1 for piece in pieces)
    n, m = value.values.shape
    if i < 0 or j < 0 or i + n > target.values.shape[0] or j + m > target.values.shape[1]:
        raise StataError(503, "conformability error")
    target.values[i : i + n, j : j + m] = value.values


def _drop(session: Session, text: str) -> None:
    names = text.split()
    if names == ["_all"]:
        session.matrices.clear()
        return
    for name in names:
        stored(session, name)
    for name in names:
        del session.matrices[name]


def _rename(session: Session, text: str) -> None:
    words = text.split()
    if len(words) != 2:
        raise invalid_syntax()
    stored(session, words[0])
    if words[1] in session.matrices:
        raise StataError(110, f"matrix {words[1]} already defined")
    session.matrices[words[1]] = session.matrices.pop(words[0])


def _rename_parts(session: Session, subcommand: str, text: str) -> None:
    name, _, names_text = text.partition("=")
    target = stored(session, name.strip())
    names = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', names_text.strip())]
    if not names:
        raise invalid_syntax()
    rows = subcommand.startswith("row")
    current = target.rows if rows else target.cols
    if len(names) > len(current):
        raise StataError(503, "conformability error")
    names = names + [names[-1]] * (len(current) - len(names))
    if subcommand.endswith("eq"):
        changed = [
            (f"{new.rstrip(':')}:" if new not in {"_", ":"} else "") + old.rpartition(":")[2]
            for new, old in zip(names, current, strict=True)
        ]
    else:
        changed = []
        for new, old in zip(names, current, strict=True):
            equation = old.rpartition(":")[0]
            changed.append(new if ":" in new or not equation else f"{equation}:{new}")
    if rows:
        target.rows = changed
    else:
        target.cols = changed


# --- listing ---


def _list(session: Session, text: str) -> None:
    body, _, option_text = text.partition(",")
    names = body.split()
    if not names:
        raise invalid_syntax()
    fmt, title, blank, names_shown, header = "%10.0g", "", True, True, True
    for option in re.findall(r"(\w+)(?:\(([^)]*)\))?", option_text):
        key, value = option
        if "format".startswith(key) and len(key) >= 1:
            fmt = value.strip()
        elif "title".startswith(key) and len(key) >= 1:
            title = value.strip('"')
        elif "noblank".startswith(key) and len(key) >= 3:
            blank = False
        elif "nohalf".startswith(key) and len(key) >= 3:
            continue
        elif "nonames".startswith(key) and len(key) >= 3:
            names_shown = False
        elif "noheader".startswith(key) and len(key) >= 3:
            header = False
        else:
            raise StataError(198, f"option {key} not allowed")
    half = "nohal" not in option_text
    for name in names:
        list_matrix(session, name, stored(session, name), fmt, title=title, blank=blank, half=half,
                    names=names_shown, header=header)  # fmt: skip


def list_matrix(
    session: Session,
    name: str,
    value: Matrix,
    fmt: str = "%10.0g",
    *,
    title: str = "",
    blank: bool = True,
    half: bool = True,
    names: bool = True,
    header: bool = True,
) -> None:
    """Print a matrix as `matrix list` does; a symmetric one shows its lower half."""
    n, m = value.values.shape
    A = value.values
    symmetric = n == m and n > 1 and np.array_equal(A, A.T)
    log = session.log
    if blank:
        log.line()
    if header:
        log.line(f"{'symmetric ' if symmetric else ''}{name}[{n},{m}]{':  ' + title if title else ''}")
    text = [[format_value(float(x), fmt).strip() for x in row] for row in A]
    row_equations = [r.rpartition(":")[0] for r in value.rows]
    row_names = [r.rpartition(":")[2] for r in value.rows]
    col_equations = [c.rpartition(":")[0] for c in value.cols]
    col_names = [c.rpartition(":")[2] for c in value.cols]
    headings = heading_lines(col_names)
    labels = [f"{eq}:{row}" if eq else row for eq, row in zip(row_equations, row_names, strict=True)]
    stub = max((len(label) for label in labels), default=0) if names else 0
    width = max((len(cell) for row in text for cell in row), default=1)
    if names:
        width = max(width, *(len(c) for line in headings for c in line), *(len(c) + 1 for c in col_equations))
    width += 2
    per_block = max(1, (log.linesize - stub) // width)
    for start in range(0, m, per_block):
        columns = range(start, min(start + per_block, m))
        if start:
            log.line()
        if names:
            if any(col_equations):
                log.line(" " * stub + "".join(f"{col_equations[j] + ':':>{width}}" for j in columns))
            for line in headings:
                log.line(" " * stub + "".join(f"{line[j]:>{width}}" for j in columns))
        for i in range(n):
            cells = [f"{text[i][j]:>{width}}" for j in columns if not (symmetric and half and j > i)]
            if cells or not symmetric:
                log.line(f"{labels[i] if names else '':>{stub}}" + "".join(cells))


# --- from and to the data ---


@command(
    "_matrix_accum",
    "anything(equalok) [if] [in] [aweight fweight iweight pweight] [, noConstant Deviations Means(name)]",
    stored="r(N)",
)
def matrix_accum(session: Session, line: Line) -> None:
    """Cross products X'X of variables (matrix accum)."""
    name, words = _target(line)
    source = SessionSource(session)
    terms = parse_varlist(session, words)
    sample = take_sample(session, line, source, terms)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant, check=False)
    X = regressors.X
    w = np.ones(len(X)) if sample.w is None else sample.w
    names = [column.name for column in regressors.design.columns if column.active]
    means = (w @ X) / w.sum()
    if line.flag("deviations"):
        X = X - means
    full = with_constant(X, constant)
    names = names + (["_cons"] if constant else [])
    session.matrices[name] = Matrix(full.T @ (full * w[:, None]), list(names), list(names))
    wanted = line.text_option("means")
    if wanted:
        session.matrices[wanted] = Matrix(
            np.append(means, 1.0).reshape(1, -1) if constant else means.reshape(1, -1), ["mean"], list(names)
        )
    session.r = ResultSet(scalars={"N": sample.n})
    session.log.line(f"(obs={sample.n:,.0f})")


@command(
    "_matrix_vecaccum",
    "anything(equalok) [if] [in] [aweight fweight iweight pweight] [, noConstant]",
    stored="r(N)",
)
def matrix_vecaccum(session: Session, line: Line) -> None:
    """Cross products of the first variable with the others (matrix vecaccum)."""
    name, words = _target(line)
    source = SessionSource(session)
    terms = parse_varlist(session, words)
    sample = take_sample(session, line, source, terms)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant, check=False)
    w = np.ones(len(regressors.X)) if sample.w is None else sample.w
    y = regressors.X[:, 0]
    full = with_constant(regressors.X[:, 1:], constant)
    active = [column.name for column in regressors.design.columns if column.active]
    names = active[1:] + (["_cons"] if constant else [])
    session.matrices[name] = Matrix((full.T @ (y * w)).reshape(1, -1), [active[0]], names)
    session.r = ResultSet(scalars={"N": sample.n})


def _target(line: Line) -> tuple[str, list[str]]:
    name, equals, rest = line.anything.partition("=")
    if not equals or not name.strip() or not rest.strip():
        raise invalid_syntax()
    return name.strip(), split_words(rest)


@command("_matrix_score", "anything(equalok) [if] [in] [, replace eq(string) MISSval(real -1e300)]")
def matrix_score(session: Session, line: Line) -> None:
    """Linear combination of variables with the coefficients of a row vector (matrix score)."""
    type_and_name, equals, vector = line.anything.partition("=")
    words = type_and_name.split()
    if not equals or not 1 <= len(words) <= 2:
        raise invalid_syntax()
    coefficients = stored(session, vector.strip())
    name = words[-1]
    equation = line.text_option("eq")
    columns = [(c.rpartition(":")[0], c.rpartition(":")[2]) for c in coefficients.cols]
    chosen = equation if equation is not None else columns[0][0]
    source = SessionSource(session)
    total = np.zeros(session.data.n_obs)
    bad = np.zeros(session.data.n_obs, dtype=np.bool_)
    for (owner, term), b in zip(columns, coefficients.values[0], strict=True):
        if owner != chosen or b == 0.0:
            continue
        if term == "_cons":
            total += b
            continue
        column = _term_values(session, source, term)
        bad |= is_missing(column)
        total += b * np.where(is_missing(column), 0.0, column)
    values = np.where(bad | ~line.sample(session), MISSING, total)
    if line.flag("replace") and name in session.data.variables:
        session.data.replace(name, values, line.sample(session))
        return
    session.data.add(name, values, words[0] if len(words) == 2 else None)


def _term_values(
    session: Session, source: SessionSource, term: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    product = np.ones(session.data.n_obs)
    for parsed in parse_varlist(session, [term]):
        for part in parsed:
            values = source.get(part.variable, part.operator)
            piece = (values == part.levels[0]).astype(np.float64) if part.levels else values
            product = np.where(is_missing(values), MISSING, product * np.where(is_missing(values), 0.0, piece))
    return product


@command("mkmat", "varlist(numeric) [if] [in] [, MATrix(name) NOMissing ROWNames(varname) ROWPrefix(string)]")
def mkmat(session: Session, line: Line) -> None:
    """Make matrices from variables."""
    rows = line.sample(session)
    columns = [session.data.numeric(name) for name in line.varlist]
    if line.flag("nomissing"):
        for column in columns:
            rows = rows & ~is_missing(column)
    values = np.column_stack([column[rows] for column in columns])
    names = [f"r{i + 1}" for i in range(len(values))]
    by = line.text_option("rownames")
    if by:
        variable = session.data.variables[by]
        raw = session.data.strings(by)[rows] if variable.is_string else session.data.numeric(by)[rows]
        prefix = line.text_option("rowprefix") or ""
        names = [prefix + (str(v).replace(" ", "_") if variable.is_string else f"{v:g}") for v in raw]
    target = line.text_option("matrix")
    if target:
        session.matrices[target] = Matrix(values, names, list(line.varlist))
        return
    for j, name in enumerate(line.varlist):
        session.matrices[name] = Matrix(values[:, [j]], list(names), [name])


@command("svmat", "anything [, Names(string)]")
def svmat(session: Session, line: Line) -> None:
    """Make variables from the columns of a matrix."""
    words = line.anything.split()
    if not 1 <= len(words) <= 2:
        raise invalid_syntax()
    storage = words[0] if len(words) == 2 else None
    if storage is not None and storage not in STORAGE:
        raise invalid_syntax()
    source = stored(session, words[-1])
    n, m = source.values.shape
    naming = line.text_option("names") or f"{words[-1]}"
    bare = [name.rpartition(":")[2] for name in source.cols]
    if naming == "col":
        names = bare
    elif naming == "eqcol":
        names = [name.replace(":", "") for name in source.cols]
    elif naming == "matcol":
        names = [words[-1] + name for name in bare]
    else:
        names = [f"{naming.rstrip('*')}{j + 1}" for j in range(m)]
    session.data.require_new(names)
    if n > session.data.n_obs:
        session.run(f"set obs {n}", quiet=True)
    for name, column in zip(names, source.values.T, strict=True):
        values = np.full(session.data.n_obs, MISSING)
        values[:n] = column
        session.data.add(name, values, storage)


# --- decompositions ---


def _decompose(session: Session, kind: str, text: str) -> None:
    left, equals, right = text.partition("=")
    if not equals:
        raise invalid_syntax()
    targets = left.split()
    source = evaluate_matrix(session, right)
    A = source.values
    if kind == "symeigen":
        if len(targets) != 2:
            raise invalid_syntax()
        if A.shape[0] != A.shape[1] or not np.allclose(A, A.T):
            raise StataError(505, "matrix not symmetric")
        values, vectors = np.linalg.eigh(A)
        order = np.argsort(values)[::-1]
        names = [f"e{i + 1}" for i in range(len(values))]
        session.matrices[targets[0]] = Matrix(vectors[:, order], list(source.rows), names)
        session.matrices[targets[1]] = Matrix(values[order].reshape(1, -1), ["r1"], list(names))
    elif kind == "eigenvalues":
        if len(targets) != 2:
            raise invalid_syntax()
        roots = np.linalg.eigvals(A)
        session.matrices[targets[0]] = Matrix.of(np.real(roots))
        session.matrices[targets[1]] = Matrix.of(np.imag(roots))
    else:
        if len(targets) != 3:
            raise invalid_syntax()
        U, w, Vt = np.linalg.svd(A, full_matrices=False)
        session.matrices[targets[0]] = Matrix.of(U, source.rows)
        session.matrices[targets[1]] = Matrix.of(w)
        session.matrices[targets[2]] = Matrix.of(Vt.T, source.cols)
