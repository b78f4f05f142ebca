"""Arguments of `ssd library`. Light on purpose: every `ssd` command builds them."""

from __future__ import annotations

import argparse

EPILOG = """\
A template is one folder of the library: template.toml (metadata), template.do (the do-file) and example/.
After changing one: `ssd library build`, then `ssd library check TEMPLATE_ID`.
"""


def add_actions(parser: argparse.ArgumentParser) -> None:
    """The actions build, check, coverage and show, as `action` of the parsed arguments."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="write the generated index files from the metadata")
    check = actions.add_parser(
        "check", help="check metadata, rendering and safety, and run every example against its known numbers"
    )
    check.add_argument("template", nargs="?", help="run only examples of templates whose id begins with this")
    check.add_argument("--static", action="store_true", help="do not run the examples")
    check.add_argument(
        "--engine",
        choices=("embedded", "stata"),
        default="embedded",
        help="run the examples in the embedded engine or in the Stata that SS_STATA_CMD names",
    )
    coverage = actions.add_parser("coverage", help="show which rows of the capability list are covered")
    coverage.add_argument("--missing", action="store_true", help="list only what is not covered")
    show = actions.add_parser("show", help="list the templates, or show one")
    show.add_argument("template_id", nargs="?", help="id of the template, such as regression.ols")
    for action in (build, check, coverage, show):
        action.add_argument("--folder", help="library folder (SS_LIBRARY_DIR, else the one shipped with ssd)")
