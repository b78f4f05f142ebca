"""Every command under every bad circumstance: a Stata return code, and the data as they were.

Each command gets one line that works on the small data; each circumstance spoils the data or the line.
"""

from __future__ import annotations

import io
import re
import tomllib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ssd.engine.cli import new_session
from ssd.engine.commands import load_all
from ssd.engine.commands.declare import Command
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.storage import STORAGE
from ssd.engine.errors import StataError
from ssd.engine.lang.calls import Call, ExitLevel, ExitSession
from ssd.engine.lang.grammar import Option, compile_grammar
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session

LINES: dict[str, str] = tomllib.loads(Path(__file__).with_name("hardening_lines.toml").read_text(encoding="utf-8"))[
    "line"
]

# Commands that wait, end the run, start other programs, or read the do-file's next lines.
APART = {"sleep", "pause", "input", "exit", "more", "shell", "winexec", "xshell", "window", "cd", "log", "cmdlog"}
# Maximum likelihood by quadrature or resampling: seconds on data that do not identify the model.
ITERATING = {
    "asclogit", "biprobit", "bsqreg", "esizei", "frontier", "heckman", "heckprobit", "hetregress", "iqreg", "ivprobit",
    "ivtobit", "mecloglog", "melogit", "meologit", "meoprobit", "mepoisson", "meprobit", "mixed", "oaxaca", "psmatch2",
    "sqreg", "streg", "tab2", "tabulate", "tnbreg", "truncreg", "xtintreg", "xtlogit", "xtmixed", "xtnbreg", "xtologit",
    "xtoprobit", "xtpoisson", "xtprobit", "xttobit", "zinb", "zip", "boxcox", "churdle", "csdid", "xtabond", "xtabond2",
}  # fmt: skip
# Of these, the ones that take longest to find that nothing is identified; they see unusable data only.
SLOWEST = {"asclogit", "biprobit", "heckprobit", "xtologit", "xtoprobit"}
# Their purpose is to change the data although something else then fails, as in Stata.
CHANGES_BEFORE_FAILING = {"merge", "xi"}

SETUP = """
set obs 24
generate byte id = ceil(_n / 4)
generate byte t = mod(_n - 1, 4) + 1
generate double x = mod(_n * 7, 11) + _n / 50
generate double y = mod(_n * 5, 7) + .5 * x
generate w = mod(_n * 3, 5)
generate byte b = mod(_n * 5 + id, 3) > 0
generate byte d = mod(_n * 7, 5) > 2
generate f = (w + 1) / 7
generate byte one = 1
generate none = .
generate byte same = b
generate byte lab = 1 + b
label define lab 1 "first" 2 "second"
label values lab lab
generate s = cond(b, "one", "zwei")
generate byte touse = 1
xtset id t
stset x, failure(b)
matrix A = (2, 1 \\ 1, 3)
matrix colnames A = x b
matrix R = (1, .4, .3 \\ .4, 1, .2 \\ .3, .2, 1)
scalar k = 2
local list "a b c"
"""


@dataclass(frozen=True)
class Ready:
    """What a session is set back to before each line."""

    session: Session
    data: Dataset
    estimates: ResultSet
    matrices: dict[str, Matrix]
    state: dict[str, object]


def ready(folder: Path) -> Ready:
    session = new_session(folder, io.StringIO())
    session.calls.append(Call("do", "hardening.do", ""))
    for text in (*SETUP.strip().splitlines(), "regress y x b", "estimates store m"):
        session.run(text, quiet=True)
    return Ready(session, session.data.copy(), session.e, dict(session.matrices), dict(session.state))


def back(start: Ready, data: Dataset) -> Session:
    """The session as it was, over a copy of `data`."""
    session = start.session
    session.data = Dataset()
    kept = start.estimates
    session.e = ResultSet(dict(kept.scalars), dict(kept.macros), dict(kept.matrices), None, dict(kept.hidden))
    session.data = data.copy()
    if kept.sample is not None and data.n_obs == len(kept.sample):
        session.e.sample = kept.sample.copy()
    session.r = ResultSet()
    session.matrices = dict(start.matrices)
    session.state = dict(start.state)
    session.calls[-1].preserved = None
    return session


# --- circumstances of the data ---


def with_changes(start: Ready, *lines: str) -> Dataset:
    session = back(start, start.data)
    for text in lines:
        session.run(text, quiet=True)
    return session.data


NUMBERS = "x y w b d f one same touse"
UNUSABLE: dict[str, tuple[str, ...]] = {
    "no data": ("clear",),
    "no observations": ("drop if 1",),
    "one observation": ("keep in 1",),
    "all missing": tuple(f"replace {name} = ." for name in NUMBERS.split()),
    "strings": (f"tostring {NUMBERS}, replace force",),
    "no settings": ("xtset, clear", "stset, clear"),
    "no variables of the model": ("keep s id t",),
}
DEGENERATE: dict[str, tuple[str, ...]] = {
    "two observations": ("keep in 1/2",),
    "three observations": ("keep in 3/5",),
    "extended missing": tuple(f"replace {name} = .z if mod(_n, 2)" for name in NUMBERS.split()),
    "constants": tuple(f"replace {name} = 1" for name in NUMBERS.split()),
    "zeros": tuple(f"replace {name} = 0" for name in NUMBERS.split()),
    "collinear": ("replace y = x", "replace w = x", "replace d = b", "replace f = x"),
    "huge": ("replace x = 1e300 * (-1)^_n", "replace y = 8e307", "replace w = 1e300"),
    "tiny": ("replace x = x * 1e-300", "replace y = y * 1e-200", "replace w = w * 1e-30"),
    "negative": ("replace y = -y", "replace w = -w - .5", "replace b = -b"),
    "one panel": ("replace id = 1", "replace t = _n", "xtset id t"),
}


# --- circumstances of the line ---


def _before_options(text: str, inserted: str) -> str:
    subject, comma, options = text.partition(",")
    return f"{subject.rstrip()} {inserted}{comma}{options}"


def _with_option(text: str, option: str) -> str:
    return f"{text} {option}" if "," in text else f"{text}, {option}"


def _other_name(text: str, name: str) -> str:
    return re.sub(r"\bx\b", name, text)


Spoil = Callable[[str], str]
SPOILED: dict[str, Spoil] = {
    "if 0": lambda text: _before_options(text, "if 0"),
    "if missing": lambda text: _before_options(text, "if none < 5"),
    "if string": lambda text: _before_options(text, "if s"),
    "in 1": lambda text: _before_options(text, "in 1"),
    "in 99": lambda text: _before_options(text, "in 99"),
    "in backwards": lambda text: _before_options(text, "in 5/2"),
    "missing weights": lambda text: _before_options(text, "[fweight=none]"),
    "zero weights": lambda text: _before_options(text, "[aweight=0]"),
    "negative weights": lambda text: _before_options(text, "[pweight=-one]"),
    "broken weights": lambda text: _before_options(text, "[iweight=x/0]"),
    "string weights": lambda text: _before_options(text, "[aweight=s]"),
    "unknown option": lambda text: _with_option(text, "nosuchoption"),
    "unknown option with a value": lambda text: _with_option(text, "nosuch(1)"),
    "level too low": lambda text: _with_option(text, "level(5)"),
    "level missing": lambda text: _with_option(text, "level(.)"),
    "by unknown": lambda text: _with_option(text, "by(nosuch)"),
    "open parenthesis": lambda text: _with_option(text, "("),
    "closing parenthesis": lambda text: _with_option(text, ")"),
    "open quote": lambda text: f'{text} "',
    "open compound quote": lambda text: f'{text} `"a',
    "open macro": lambda text: f"{text} `",
    "open bracket": lambda text: _before_options(text, "[fw="),
    "two commas": lambda text: f"{text},,",
    "nothing": lambda text: "",
    "only a comma": lambda text: ",",
    "unknown variable": lambda text: _other_name(text, "nosuch"),
    "string variable": lambda text: _other_name(text, "s"),
    "missing variable": lambda text: _other_name(text, "none"),
    "the outcome again": lambda text: _other_name(text, "y"),
    "factor": lambda text: _other_name(text, "i.id"),
    "factor of a fraction": lambda text: _other_name(text, "i.y"),
    "interaction": lambda text: _other_name(text, "c.x#c.x"),
    "lag": lambda text: _other_name(text, "L.x"),
    "long lag": lambda text: _other_name(text, "L99.x"),
    "wildcard": lambda text: _other_name(text, "*"),
    "number for a name": lambda text: _other_name(text, "1"),
    "long name": lambda text: _other_name(text, "a" * 300),
    "Chinese name": lambda text: _other_name(text, "收入"),
    "Chinese text": lambda text: f"{text} 年收入（元）",
    "a word too many": lambda text: _before_options(text, "y"),
    "twice": lambda text: f"{text} {text}",
}  # fmt: skip
PREFIXES = ("by id: ", "bysort b (x): ", "by s: ", "bysort none: ", "by nosuch: ", "quietly ", "capture noisily ")

HOSTILE: dict[str, tuple[str, ...]] = {
    "integer": ("-1", "0", "99999", "2.5", "x", ""),
    "real": ("-1", "0", "1e300", ".", "x", ""),
    "cilevel": ("0", "100", ".", "x"),
    "numlist": ("", "-1", "0", "1/0", "5 4 3", "x", "1e300"),
    "varname": ("nosuch", "s", "none", "x y", "", "i.id"),
    "varlist": ("nosuch", "s", "none", "x x", "", "i.id", "_all"),
    "string": ("", '"', "nosuch", "x y z", "-1", "0", "年", "s"),
    "other": ("", "nosuch", "1", "a b", "x", "s"),
}


def line_of(command: Command) -> str:
    """The text after the command's name of a line that its declaration allows."""
    if command.name in LINES:
        return LINES[command.name]
    if command.grammar.strip() == "*":
        return "x y"
    grammar = compile_grammar(command.grammar)
    subject = grammar.subject
    text = ""
    if subject is not None:
        text = {"newvarlist": "new", "newvarname": "new", "namelist": "m", "name": "m", "varname": "x"}.get(
            subject.kind, "y x b"
        )
        if subject.kind == "varlist" and subject.maximum is not None:
            text = " ".join(["y", "x", "b"][: subject.maximum])
    required = [_typed(option, "") for option in grammar.options if option.required]
    return f"{text}, {' '.join(required)}" if required else text


def _typed(option: Option, value: str) -> str:
    if option.kind == "flag":
        return option.name
    plain = {"varname": "b", "varlist": "b", "integer": "2", "real": "2", "numlist": "1 2", "newvarname": "new"}
    return f"{option.name}({value or plain.get(option.kind, 'new')})"


def hostile_options(command: Command) -> Iterator[str]:
    """Each option with one value that it should not have, and typed twice."""
    if command.grammar.strip() == "*":
        return
    for option in compile_grammar(command.grammar).options:
        if option.kind == "flag" or option.name == "*":
            yield f"{option.name} {option.name}" if option.name != "*" else "nosuch"
            continue
        values = HOSTILE.get(option.kind, HOSTILE["other"])
        value = values[zlib.crc32(f"{command.name} {option.name}".encode()) % len(values)]
        yield f"{option.name}({value})"


# --- what must hold ---


def picture(data: Dataset) -> tuple[object, ...]:
    """What a user would call the data: observations, variables, values, labels."""
    return (
        data.n_obs, data.label, dict(data.value_labels),
        [
            (c.name, c.type, c.format, c.label, c.value_label,
             c.values.tolist() if c.is_string else c.values.tobytes())
            for c in data.variables.values()
        ],
    )  # fmt: skip


def unsound(session: Session) -> list[str]:
    """What is wrong with the data, e(sample) or the results as a table of the declared types."""
    data = session.data
    found = []
    for name, column in data.variables.items():
        wanted = np.object_ if column.is_string else STORAGE[column.type]
        if column.name != name or len(column.values) != data.n_obs or column.values.dtype != wanted:
            found.append(f"variable {name} is {column.name}, {len(column.values)} values {column.values.dtype}")
    if not set(data.sorted_by) <= data.variables.keys():
        found.append(f"sorted by {data.sorted_by}")
    if session.e.sample is not None and len(session.e.sample) != data.n_obs:
        found.append(f"e(sample) has {len(session.e.sample)} entries for {data.n_obs} observations")
    for results in (session.r, session.e):
        found += [f"{name} is {value}" for name, value in results.scalars.items() if not np.isfinite(value)]
    return found


def problems(session: Session, command: Command, text: str, prefix: str = "") -> list[str]:
    """What a command line did that no Stata command does: a fault, or changed data and yet an error."""
    line = f"{prefix}{command.name} {text}"
    before = picture(session.data)
    found = []
    try:
        session.run(line, quiet=True)
    except (ExitLevel, ExitSession):
        return []
    except StataError as error:
        if error.rc == 9999:
            found.append(f"r(9999)\n{_fault(session)}")
        elif command.name not in CHANGES_BEFORE_FAILING and prefix[:6] != "bysort" and picture(session.data) != before:
            found.append(f"r({error.rc}) and the data are changed")
    return [f"{line!r}: {problem}" for problem in found + unsound(session)]


def _fault(session: Session) -> str:
    """The end of the traceback of the last fault, which is removed."""
    texts = []
    for path in session.folder.glob("engine-fault-*"):
        texts.append(path.read_text(encoding="utf-8")[-600:])
        path.unlink()
    return "".join(texts)


COMMANDS = [command for command in load_all() if command.name not in APART]
QUARTERS = [COMMANDS[i::4] for i in range(4)]


def patient(commands: list[Command]) -> list[Command]:
    return [command for command in commands if command.name not in SLOWEST]


def turns(name: str, everything: list[str], count: int) -> list[str]:
    """`count` of the entries, others for other commands, so that all are met in every run."""
    first = zlib.crc32(name.encode())
    step = len(everything) / count
    return [everything[int(first + i * step) % len(everything)] for i in range(count)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("circumstance", UNUSABLE)
def test_unusable_data_end_in_a_return_code(circumstance: str, tmp_path: Path) -> None:
    start = ready(tmp_path)
    data = with_changes(start, *UNUSABLE[circumstance])
    found = [each for command in COMMANDS for each in problems(back(start, data), command, line_of(command))]
    assert not found, "\n".join(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quarter", range(4))
def test_degenerate_data_end_in_a_result_or_a_return_code(quarter: int, tmp_path: Path) -> None:
    start = ready(tmp_path)
    datasets = {name: with_changes(start, *lines) for name, lines in DEGENERATE.items()}
    found = []
    for command in patient(QUARTERS[quarter]):
        for name in turns(command.name, list(datasets), 1 if command.name in ITERATING else 2):
            found += problems(back(start, datasets[name]), command, line_of(command))
    assert not found, "\n".join(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quarter", range(4))
def test_bad_lines_end_in_a_return_code(quarter: int, tmp_path: Path) -> None:
    start = ready(tmp_path)
    found = []
    for command in patient(QUARTERS[quarter]):
        for spoiled in turns(command.name, list(SPOILED), 3 if command.name in ITERATING else 8):
            found += problems(back(start, start.data), command, SPOILED[spoiled](line_of(command)))
        for prefix in turns(command.name, list(PREFIXES), 1):
            found += problems(back(start, start.data), command, line_of(command), prefix)
    assert not found, "\n".join(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quarter", range(4))
def test_bad_option_values_end_in_a_return_code(quarter: int, tmp_path: Path) -> None:
    start = ready(tmp_path)
    found = []
    for command in QUARTERS[quarter]:
        if command.name not in ITERATING:
            for option in hostile_options(command):
                found += problems(back(start, start.data), command, _with_option(line_of(command), option))
    assert not found, "\n".join(found)
