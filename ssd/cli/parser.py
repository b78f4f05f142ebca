"""The commands of `ssd` and their arguments. Each command is imported when it is called: help must be instant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ssd import __version__
from ssd.errors import SsdError
from ssd.templates.arguments import add_actions

_EPILOG = """examples:
  ssd doctor                         what is configured, found and missing
  ssd codes issue --count 3          three task codes, shown this once
  ssd serve                          the service on SS_HOST:SS_PORT (127.0.0.1:8000)
  ssd demo                           the whole journey on a bundled dataset

Settings are environment variables (SS_…) or lines of a .env file; `ssd settings` lists them.

exit codes: 0 done; 1 something is wrong with what was asked or found; 2 the command line or a setting is wrong,
or the service cannot start."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ssd",
        description="Stata service daemon: from a research question and a dataset to reproducible Stata results.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ssd {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_demo(commands)
    _add_codes(commands)
    _add_llm(commands)
    _add_doctor(commands)
    _add_library(commands)
    _add_engine(commands)
    _add_small(commands)
    return parser


# argparse has no public name for it.
Commands = argparse._SubParsersAction


def _add(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, details: str = ""
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _add_serve(commands: Commands[argparse.ArgumentParser]) -> None:
    serve = _add(
        commands,
        "serve",
        "Run the service until it is told to stop (SIGTERM or Ctrl-C).",
        "Prints its address on standard output when it is ready; logs are JSON lines on standard error.\n\n"
        "examples:\n  ssd serve\n  SS_DATA_DIR=/srv/ssd ssd serve --port 0",
    )
    serve.add_argument("--host", help="address to listen on (SS_HOST)")
    serve.add_argument("--port", type=int, help="port to listen on (SS_PORT); 0 takes a free one")


def _add_demo(commands: Commands[argparse.ArgumentParser]) -> None:
    _add(
        commands,
        "demo",
        "Walk the whole journey on a bundled dataset with a service of its own.",
        "Starts a service on a free port in a temporary folder; exit code 0 only if every step was right.",
    )


def _add_codes(commands: Commands[argparse.ArgumentParser]) -> None:
    codes = _add(
        commands,
        "codes",
        "Issue, list and revoke task codes.",
        "Works through the running service, or on the data folder itself when none runs.\n\n"
        "examples:\n  ssd codes issue --count 20 --days 90 --tenant econ101\n"
        "  ssd codes list --status used\n  ssd codes revoke code_0192…",
    )
    actions = codes.add_subparsers(dest="action", metavar="ACTION", required=True)
    issue = _add(actions, "issue", "Make new codes and print them, this once.")
    issue.add_argument("--count", type=int, default=1, help="how many (1 to 500; default 1)")
    issue.add_argument("--days", type=int, default=30, help="days until they expire (1 to 3650; default 30)")
    issue.add_argument("--tenant", default="default", help="tenant they belong to (default: default)")
    listing = _add(actions, "list", "Show codes, newest first; never the codes themselves.")
    listing.add_argument("--tenant", help="of this tenant only")
    listing.add_argument("--status", choices=["unused", "used", "expired", "revoked"], help="with this status only")
    listing.add_argument("--limit", type=int, default=50, help="at most this many (default 50)")
    revoke = _add(actions, "revoke", "Make a code useless, and the tokens of its job with it.")
    revoke.add_argument("code_id", help="as shown by `ssd codes list`")
    for action in (issue, listing, revoke):
        action.add_argument("--json", action="store_true", help="print JSON")


def _add_llm(commands: Commands[argparse.ArgumentParser]) -> None:
    llm = _add(
        commands,
        "llm",
        "Look at and change what the language models may do and spend.",
        "Works through the running service, without a restart, or on the data folder itself when none runs.\n\n"
        "examples:\n  ssd llm status\n  ssd llm kill on\n  ssd llm shutoff 'invoice under review'\n"
        "  ssd llm set-cap 5000\n  ssd llm set-cap 800 --user code_0192… --tenant econ101\n"
        "  ssd llm dashboards --out report",
    )
    actions = llm.add_subparsers(dest="action", metavar="ACTION", required=True)
    status = _add(actions, "status", "Show switches, caps, breakers and this month's totals.")
    kill = _add(actions, "kill", "Turn the kill switch on or off; it counts from the next call on.")
    kill.add_argument("state", choices=["on", "off"])
    kill.add_argument("--provider", help="of this provider only")
    shutoff = _add(actions, "shutoff", "Stop every call with a reason callers are told, or lift that.")
    words = shutoff.add_mutually_exclusive_group(required=True)
    words.add_argument("reason", nargs="?", help="in your own words")
    words.add_argument("--lift", action="store_true", help="let calls through again")
    reset = _add(actions, "reset-breaker", "Close a breaker before its time is over.")
    reset.add_argument("provider", nargs="?", default="all", help="name of a provider (default: all)")
    cap = _add(actions, "set-cap", "Change what a user may spend.")
    amount = cap.add_mutually_exclusive_group(required=True)
    amount.add_argument("cents", nargs="?", type=int, help="whole cents")
    amount.add_argument("--remove", action="store_true", help="with --user: back to everybody's cap")
    cap.add_argument("--hourly", action="store_true", help="the hourly cap instead of the monthly one")
    cap.add_argument("--user", help="id of a task code: a monthly cap of this user's own")
    cap.add_argument("--tenant", default="default", help="with --user: tenant of the user (default: default)")
    dashboards = _add(actions, "dashboards", "Write the dashboards as CSV files.")
    dashboards.add_argument("--out", required=True, metavar="DIR", help="folder to write to; made if it is not there")
    for action in (status, kill, shutoff, reset, cap):
        action.add_argument("--json", action="store_true", help="print JSON")


def _add_doctor(commands: Commands[argparse.ArgumentParser]) -> None:
    doctor = _add(
        commands,
        "doctor",
        "Say what is configured, found and missing; exit code 1 if something is wrong.",
        "examples:\n  ssd doctor\n  ssd doctor --json",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")


def _add_library(commands: Commands[argparse.ArgumentParser]) -> None:
    library = _add(
        commands,
        "library",
        "Look after the do-template library.",
        "examples:\n  ssd library check\n  ssd library show panel.fixed_effects",
    )
    add_actions(library)


def _add_engine(commands: Commands[argparse.ArgumentParser]) -> None:
    engine = commands.add_parser(
        "engine",
        help="Run the embedded engine; arguments are passed on to it.",
        add_help=False,
    )
    engine.add_argument("arguments", nargs=argparse.REMAINDER)


def _add_small(commands: Commands[argparse.ArgumentParser]) -> None:
    settings = _add(commands, "settings", "List every setting, its default and what it means.")
    settings.add_argument("--json", action="store_true", help="print JSON")
    errors = _add(commands, "errors", "Print the error catalogue as Markdown (docs/errors.md).")
    errors.add_argument("--json", action="store_true", help="print JSON")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. Errors of ours become one line on standard error."""
    arguments = build_parser().parse_args(argv)
    try:
        return run(arguments)
    except SsdError as error:
        print(f"ssd: {error.code}: {error.message} {error.kind.hint}", file=sys.stderr)
        return 2 if error.code in _CANNOT_START else 1
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; nothing is wrong.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


_CANNOT_START = frozenset(
    {
        "SETTINGS_INVALID",
        "DATA_FOLDER_LOCKED",
        "DATABASE_CORRUPT",
        "DATABASE_TOO_NEW",
        "LIBRARY_INVALID",
        "PRODUCTION_GATE_VIOLATED",
        "ADDRESS_UNAVAILABLE",
        "LLM_MODEL_UNPRICED",
    }
)


def _check_cap(arguments: argparse.Namespace) -> None:
    """What argparse cannot say about `ssd llm set-cap`."""
    if arguments.remove and arguments.user is None:
        raise SsdError("INPUT_VALIDATION_FAILED", "--remove needs --user.")
    if arguments.hourly and arguments.user is not None:
        raise SsdError("INPUT_VALIDATION_FAILED", "A user of its own has a monthly cap only; drop --hourly.")


def run(arguments: argparse.Namespace) -> int:
    """Dispatch to the module of the command."""
    match arguments.command:
        case "serve":
            from ssd.cli.serve import serve

            return serve(host=arguments.host, port=arguments.port)
        case "demo":
            from ssd.demo.walk import main as demo
            from ssd.settings import load_settings
            from ssd.templates.library import default_folder

            return demo(load_settings().library_dir or default_folder())
        case "codes":
            from ssd.cli.codes import codes

            return codes(arguments)
        case "llm":
            if arguments.action == "set-cap":
                _check_cap(arguments)
            from ssd.cli.llm import llm

            return llm(arguments)
        case "doctor":
            from ssd.cli.doctor import doctor

            return doctor(as_json=arguments.json)
        case "library":
            from ssd.cli.library import library

            return library(arguments)
        case "engine":
            from ssd.cli.engine import engine

            return engine(arguments.arguments)
        case "settings":
            from ssd.cli.reference import print_settings

            return print_settings(as_json=arguments.json)
        case _:
            from ssd.cli.reference import print_errors

            return print_errors(as_json=arguments.json)
