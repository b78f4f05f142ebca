"""Gate 3: what a do-file of the library may do. An allow-list over the parsed program, not a text search."""

from __future__ import annotations

import re

from ssd.templates.scan import FoundCommand, ScanResult

ALLOWED = frozenset({
    # language
    "program", "end", "args", "syntax", "local", "global", "scalar", "matrix", "tempvar", "tempname", "gettoken",
    "macro", "foreach", "forvalues", "while", "if", "else", "continue", "return", "exit", "error", "display",
    "capture", "quietly", "noisily", "assert", "confirm", "version", "set", "clear", "sleep", "preserve", "restore",
    "mark", "markout", "marksample", "ereturn", "}", "{",
    # data
    "use", "import", "file", "generate", "replace", "egen", "drop", "keep", "rename", "order", "sort", "gsort",
    "by", "bysort", "label", "encode", "decode", "destring", "tostring", "recode", "format", "compress", "append",
    "merge", "reshape", "collapse", "contract", "expand", "fillin", "duplicates", "isid", "levelsof", "count",
    "describe", "list", "save", "export", "post", "postfile", "postclose", "xtset", "tsset", "tsfill", "stset",
    # description and tests
    "summarize", "tabulate", "tabstat", "table", "correlate", "pwcorr", "spearman", "ktau", "mean", "proportion",
    "ci", "ttest", "prtest", "sdtest", "robvar", "oneway", "anova", "ranksum", "signrank", "kwallis", "swilk",
    "sfrancia", "sktest", "centile",
    # models
    "regress", "areg", "xtreg", "logit", "logistic", "probit", "poisson", "nbreg", "ivregress", "glm", "qreg",
    "predict", "test", "testparm", "lincom", "nlcom", "margins", "estat", "estimates", "hausman", "lrtest", "lroc",
    # figures
    "graph", "twoway", "histogram", "scatter", "line", "kdensity", "marginsplot",
})  # fmt: skip
"""Canonical command names. A command that is not here must be added on purpose, with a template that needs it."""

_FILE_COMMANDS = frozenset({"use", "save", "import", "export", "file", "graph", "append", "merge", "postfile"})
_SENTINEL = "ssd_sentinel.txt"
_PROGRAM = re.compile(r"pr\w*\s+(?:de\w*\s+)?([^\W\d]\w*)")
_FILE_OPEN = re.compile(r"""op\w*\s+\S+\s+using\s+("[^"]*"|\S+)""")
_USING = re.compile(r"""\busing\s+("[^"]*"|\S+)""")
_FIRST_NAME = re.compile(r"""\s*("[^"]*"|[^\s,]+)""")
_PLAIN = re.compile(r'"?[\w][\w.-]*\.\w{1,8}"?')


def problems(result: ScanResult) -> list[str]:
    """`line N: …` for everything that is not allowed; empty when the do-file may run."""
    if result.error is not None:
        return [f"does not parse: {result.error}"]
    defined = {name for item in result.commands if item.name == "program" for name in _PROGRAM.findall(item.text)}
    found = [f"line {entry}" for entry in result.unsupported]
    for item in result.commands:
        if item.name not in ALLOWED and item.name not in defined:
            found.append(f"line {item.line}: command {item.name} is not allowed")
        elif item.name in _FILE_COMMANDS:
            found += _path_problems(item)
    return found


def _path_problems(item: FoundCommand) -> list[str]:
    return [
        f"line {item.line}: {path} is not a plain file of the working folder"
        for path in paths_of(item)
        if not _PLAIN.fullmatch(path)
    ]


def paths_of(item: FoundCommand) -> list[str]:
    """Files a command names, as typed, with their quotes."""
    rest = item.text.partition(" ")[2]
    if item.name == "file":
        return _FILE_OPEN.findall(rest)
    if item.name == "graph":
        return _FIRST_NAME.findall(rest.partition(" ")[2])[:1] if rest.startswith("export") else []
    named = _USING.findall(rest)
    if named or item.name in ("import", "export", "append", "merge", "postfile"):
        return named
    return _FIRST_NAME.findall(rest)[:1]


def written_files(result: ScanResult) -> set[str]:
    """Names of the files the do-file writes, without the sentinel."""
    written: set[str] = set()
    for item in result.commands:
        opens = item.name == "file" and re.search(r",.*\bwrite\b", item.text)
        if opens or item.name in ("graph", "save", "export"):
            written |= {path.strip('"') for path in paths_of(item)}
    return written - {_SENTINEL}
