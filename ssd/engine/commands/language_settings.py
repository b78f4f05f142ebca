"""set, query, creturn, sysdir, adopath, about, which, more, pause, sleep."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from ssd.engine import NAME, VERSION
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.limits import parse_memory
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.expr.system import system_value
from ssd.engine.lang.numbertext import number_text
from ssd.engine.lang.programs import ado_path, find_ado
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.lang.settings import Setting, find_setting

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FORMATS: Final = ("cformat", "pformat", "sformat")
_LISTED: Final = tuple(
    """
    current_date current_time stata_version version os machine_type byteorder mode pwd dirsep tmpdir adopath
    max_N_theory max_k_theory minbyte maxbyte minint maxint minlong maxlong minfloat maxfloat epsfloat mindouble
    maxdouble epsdouble smallestdouble maxstrvarlen maxstrlvarlen namelenchar N k width changed filename filedate
    frame rc pi alpha ALPHA Mons Months Wdays Weekdays rng_current rngseed_mt64s rngstate engine
    """.split()  # noqa: SIM905 - a list of names reads best as text
)


@command("set", "*", refused="trace on, rmsg on, dp comma, rng other than mt64, rngstream, httpproxy on")
def set_(session: Session, line: Line) -> None:
    """Change a setting, the seed, or the number of observations."""
    main, options = split_comma(line.text)
    for option in (options or "").split():
        if not "permanently".startswith(option):
            raise StataError(198, f"option {option} not allowed")
    words = split_words(main)
    if not words:
        query(session, line)
        return
    name, rest = words[0], main.strip()[len(words[0]) :].strip()
    if name == "obs":
        _set_obs(session, rest)
    elif name in ("seed", "see"):
        _set_seed(session, rest)
    elif name == "rngstate":
        _restore(session, rest)
    elif name == "rngstream":
        raise unsupported("set rngstream")
    else:
        setting = find_setting(name)
        if setting is None:
            raise StataError(199, f"set {name} unrecognized" if not rest else f"unrecognized set {name}")
        _change(session, setting, strip_quotes(rest))


def _set_obs(session: Session, rest: str) -> None:
    number = session.evaluate_number(rest)
    old = session.data.n_obs
    if number < old:
        raise StataError(198, f"obs must be between {old} and 2147483619" if old else "invalid syntax")
    if number != int(number) or number > 2147483619:
        raise invalid_syntax()
    session.data.set_obs(int(number))
    session.log.line(f"Number of observations (_N) was {old:,}, now {int(number):,}.")


def _set_seed(session: Session, rest: str) -> None:
    text = strip_quotes(rest)
    if text.startswith("X"):
        _restore(session, text)
        return
    number = session.evaluate_number(text)
    if number != int(number) or not 0 <= number <= 2**31 - 1:
        raise StataError(198, "seed must be an integer between 0 and 2147483647")
    session.rng.seed(int(number))


def _restore(session: Session, text: str) -> None:
    try:
        session.rng.restore(strip_quotes(text))
    except ValueError as error:
        raise StataError(198, f"invalid syntax\n{error}") from error


def _change(session: Session, setting: Setting, value: str) -> None:
    if setting.name in _FORMATS:
        if value and not re.fullmatch(r"%-?0?\d+\.\d+[efg]c?|%-?\d+g", value):
            raise StataError(120, f"invalid {value}")
    elif setting.kind in ("integer", "real"):
        value = _numeric(session, setting, value)
    elif setting.choices and value not in setting.choices:
        raise invalid_syntax()
    if setting.fixed and value != setting.default:
        raise unsupported(f"set {setting.name} {value}")
    if setting.name == "max_memory":
        session.limits.bytes = parse_memory(value)
    session.settings[setting.name] = value
    if setting.name == "linesize":
        session.log.linesize = int(value)
    elif setting.name == "maxvar":
        session.limits.variables = int(value)


def _numeric(session: Session, setting: Setting, text: str) -> str:
    number = session.evaluate_number(text) if text else -1.0
    if not setting.low <= number <= setting.high or (setting.kind == "integer" and number != int(number)):
        raise StataError(
            198,
            f"{setting.name} must be between {setting.low:g} and {setting.high:g}" if setting.high < 1e18 else "",
        )
    return f"{number:g}" if setting.kind == "real" else str(int(number))


@command("query", "*")
def query(session: Session, line: Line) -> None:
    """List the settings."""
    for name, value in sorted(session.settings.items()):
        session.log.line(f"    set {name:<20} {value}")


@command("creturn", "*", minimum=2)
def creturn(session: Session, line: Line) -> None:
    """List the values of c()."""
    if not "list".startswith(line.text.strip() or "?"):
        raise invalid_syntax()
    for name in (*_LISTED, *session.settings):
        value = system_value(session, name)
        shown = f'"{value}"' if isinstance(value, str) else number_text(value)
        session.log.line(f"{f'c({name})':>28} = {shown}")


@command("about", "*")
def about(session: Session, line: Line) -> None:
    """Name and version of this engine."""
    session.log.line(f"{NAME} {VERSION}")
    session.log.line("An engine for the Stata language. It is not Stata and is not made by StataCorp.")


@command("which", "*")
def which(session: Session, line: Line) -> None:
    """Tell where a command comes from."""
    main, options = split_comma(line.text)
    if (options or "").strip() not in ("", "all"):
        raise StataError(198, f"option {(options or '').strip()} not allowed")
    name = main.strip()
    if name in session.programs:
        session.log.line(f"program {name} defined in memory")
        return
    canonical = session.interpreter.registry.canonical(name)
    if canonical is not None:
        session.log.line(f"built-in command:  {canonical}")
        return
    path = find_ado(session, name.removesuffix(".ado")) if name else None
    if path is None:
        raise StataError(111, f"command {name} not found as either built-in or ado-file")
    session.log.line(str(path))


@command("sysdir", "*", refused="sysdir set")
def sysdir(session: Session, line: Line) -> None:
    """List the system folders."""
    if line.text.strip() not in ("", "list"):
        raise unsupported(f"sysdir {line.text.strip().split()[0]}")
    for label, folder in zip(("STATA", "BASE", "SITE", "PLUS", "PERSONAL"), (session.root,) * 5, strict=True):
        session.log.line(f"{label:>9}:  {folder}/")


@command("adopath", "*")
def adopath(session: Session, line: Line) -> None:
    """List the folders searched for ado-files, or add and remove one."""
    text = line.text.strip()
    folders = [str(folder) for folder in ado_path(session)]
    match = re.match(r"(\+\+|\+|-)\s*(.*)", text)
    if match is not None:
        folder = strip_quotes(match[2].strip())
        if not folder:
            raise invalid_syntax()
        if match[1] == "-":
            _remove_folder(session, folders, folder)
        else:
            folders.insert(0 if match[1] == "++" else len(folders), str(session.path(folder)))
        session.state["adopath"] = folders
    elif text:
        raise invalid_syntax()
    for number, folder in enumerate(folders, start=1):
        session.log.line(f'  [{number}]  "{folder}"')


def _remove_folder(session: Session, folders: list[str], wanted: str) -> None:
    if wanted.isdigit() and 1 <= int(wanted) <= len(folders):
        del folders[int(wanted) - 1]
    elif str(session.path(wanted)) in folders:
        folders.remove(str(session.path(wanted)))
    else:
        raise StataError(111, f"{wanted} not found in path")


@command("more", "*")
def more(session: Session, line: Line) -> None:
    """Does nothing: output never pauses in batch mode."""


@command("pause", "*")
def pause(session: Session, line: Line) -> None:
    """`pause off`; a pause cannot be taken in batch mode."""
    if line.text.strip() != "off":
        raise unsupported("pause")


@command("sleep", "*", minimum=2)
def sleep(session: Session, line: Line) -> None:
    """Wait for so many milliseconds."""
    milliseconds = session.evaluate_number(line.text)
    if not 0 <= milliseconds <= 60_000:
        raise StataError(198, "sleep takes 0 to 60000 milliseconds in this engine")
    time.sleep(milliseconds / 1000)


@command("timer", "*", stored="r(t1) r(nt1) …")
def timer(session: Session, line: Line) -> None:
    """Turn timers on and off, list and clear them."""
    words = line.text.split()
    if not words or words[0] not in ("on", "off", "clear", "list") or (words[0] in ("on", "off") and len(words) != 2):
        raise invalid_syntax()
    timers: dict[int, list[float]] = session.state.setdefault("timers", {})
    if len(words) > 1 and not (words[1].isdigit() and 1 <= int(words[1]) <= 100):
        raise StataError(198, "timer number must be between 1 and 100")
    number = int(words[1]) if len(words) > 1 else None
    if words[0] == "clear":
        timers.clear() if number is None else timers.pop(number, None)
    elif words[0] == "on" and number is not None:
        timers.setdefault(number, [0.0, 0.0, 0.0])[2] = time.perf_counter()
    elif words[0] == "off" and number is not None:
        record = timers.setdefault(number, [0.0, 0.0, 0.0])
        if record[2]:
            record[0] += time.perf_counter() - record[2]
            record[1] += 1
            record[2] = 0.0
    else:
        _list_timers(session, timers, number)


def _list_timers(session: Session, timers: dict[int, list[float]], wanted: int | None) -> None:
    from ssd.engine.results import ResultSet

    results = ResultSet()
    for number in sorted(timers):
        if wanted is not None and number != wanted:
            continue
        total, count, started = timers[number]
        if started:
            total += time.perf_counter() - started
            count += 1
        results.scalars[f"t{number}"] = total
        results.scalars[f"nt{number}"] = count
        session.log.line(f"{number:>4}: {total:>9.4f} / {int(count):>8} = {total / max(count, 1):>11.4f}")
    session.r = results


def _refuse(word: str) -> None:
    raise StataError(199, f"command {word} is unrecognized\nit is refused by this engine")


@command("shell", "*", minimum=2)
def shell(session: Session, line: Line) -> None:
    """Refused: the engine starts no other program."""
    _refuse("shell")


@command("winexec", "*")
def winexec(session: Session, line: Line) -> None:
    """Refused: the engine starts no other program."""
    _refuse("winexec")


@command("xshell", "*")
def xshell(session: Session, line: Line) -> None:
    """Refused: the engine starts no other program."""
    _refuse("xshell")


@command("window", "*", minimum=3)
def window(session: Session, line: Line) -> None:
    """Refused: there are no windows."""
    raise unsupported("window")


@command("plugin", "*")
def plugin(session: Session, line: Line) -> None:
    """Refused: the engine loads no foreign code."""
    raise unsupported("plugin")
