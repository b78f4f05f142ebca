"""esttab: estout with the usual layouts; its options become a request for estout."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates_estout import (
    TABLE_OPTIONS,
    chosen_models,
    deliver,
    level_of,
    model_names,
    results_of,
    typed_options,
)
from ssd.engine.commands.estimates_table import Request, table_lines
from ssd.engine.errors import StataError
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.output.estout_modes import MODES, Mode, csv_mode

if TYPE_CHECKING:
    from ssd.engine.session import Session

_OPTIONS = (
    "B B(string) NOT T T(string) Z Z(string) SE SE(string) P P(string) CI CI(string) BEta BEta(string) MAIN(string) "
    "AUX(string) ABS WIDE NOSTAr STAR STAR(string asis) STARAUX NOCONstant CONstant COEFlabels(string asis) NOOBS "
    "OBSlast R2 R2(string) AR2 AR2(string) PR2 PR2(string) AIC AIC(string) BIC BIC(string) SCAlars(string asis) "
    "SFMT(string) NOMTItles MTItles MTItles(string asis) NOGAPs GAPs NOLInes LInes ADDNotes(string asis) COMpress "
    "PLAIN SMCL FIXed TAB CSV SCsv RTF HTMl TEX MD TEXT BOOKTabs Fragment PAGE PAGE(string) ALIGNment(string asis) "
    "WIDTH(string) FONTTBL(string) NOIsily NODEPvars DEPvars NOPArentheses PArentheses BRackets NONOTEs NONOTE NOTEs "
    "LONGtable ONEcell NOEQLInes"
)
_WITHOUT_CONSTANT = ("eform", "beta")
_SUFFIXES = {"html": "html", "htm": "html", "tex": "tex", "csv": "csv", "rtf": "rtf", "doc": "rtf", "md": "md"}
_EXTENSIONS = {"fixed": "txt", "tab": "txt", "booktabs": "tex"}
_AUXILIARY = ("z", "se", "p", "ci")


@dataclass
class _Design:
    """What esttab has settled before it asks estout."""

    line: Line
    mode: Mode
    matrix: bool
    options: dict[str, str]
    flags: set[str]
    level: float
    notes: list[str] = field(default_factory=list)

    def on(self, name: str) -> bool:
        return name in self.flags

    def default_on(self, name: str) -> bool:
        """A feature that is on unless switched off or `plain`."""
        return self.on(name) or not (self.on(f"no{name}") or self.on("plain") or self.matrix)

    def has(self, name: str) -> bool:
        return name in self.flags or name in self.options

    @property
    def cells_typed(self) -> bool:
        return bool(self.options.get("cells"))

    @property
    def tex(self) -> bool:
        return self.mode.name in {"tex", "booktabs"}


@command(
    "esttab",
    f"[anything] [using/] [, {_OPTIONS} {TABLE_OPTIONS}]",
    minimum=6,
    refused="margin, discrete(), meqs(), dropped(), extracols(), labcol2(), topfile(), bottomfile(), wrap, noisily, "
    "smcl to a file",
)
def esttab(session: Session, line: Line) -> None:
    """A table of stored models with coefficients, statistics and stars, shown or written to a file."""
    options, flags = typed_options(line)
    using = line.using
    mode = _mode(flags, using)
    if using is not None and "." not in using.rpartition("/")[2]:
        using = f"{using}.{_EXTENSIONS.get(mode.name, mode.name)}"
    _consistent(options, flags)
    matrix = "(" in line.anything
    design = _Design(line, mode, matrix, options, flags, level_of(session, line))
    chosen = chosen_models(session, line.anything, options)
    if design.has("beta"):
        from ssd.engine.commands.estimates_eststo import add_beta

        for name in model_names(session, line.anything.split()):
            add_beta(session, results_of(session, name))
    request = _request(design)
    lines = table_lines(session, request, chosen)
    if mode.name == "rtf" and "fragment" not in flags and using is not None:
        lines = [_rtf_text(text) for text in lines]
    deliver(session, line, lines, using, frozenset(flags | ({"render"} if mode.name == "fixed" else set())))


def _consistent(options: dict[str, str], flags: set[str]) -> None:
    if "noisily" in flags:
        from ssd.engine.errors import unsupported

        raise unsupported("option noisily is")
    for name in (
        "constant",
        "gaps",
        "lines",
        "star",
        "abbrev",
        "depvars",
        "numbers",
        "parentheses",
        "notes",
        "mtitles",
    ):
        both = (name in flags or (name in {"star", "mtitles"} and name in options)) and f"no{name}" in flags
        if both:
            raise StataError(198, f"options {name} and no{name} not both allowed")
    if "fragment" in flags and ("page" in flags or "page" in options):
        raise StataError(198, "options fragment and page not both allowed")


def _mode(flags: set[str], using: str | None) -> Mode:
    typed = [name for name in ("smcl", "fixed", "tab", "csv", "scsv", "rtf", "html", "tex", "booktabs", "md", "text")
             if name in flags]  # fmt: skip
    if len(typed) > 1:
        raise StataError(198, "only one allowed of smcl, fixed, tab, csv, scsv, rtf, html, tex, booktabs, or md")
    name = typed[0] if typed else _SUFFIXES.get((using or "").rpartition(".")[2].lower(), "fixed")
    if name in {"csv", "scsv"}:
        return csv_mode(";" if name == "scsv" else ",", plain="plain" in flags)
    return MODES["fixed" if name in {"smcl", "text"} else name]


def _request(design: _Design) -> Request:
    """estout's options for what was asked of esttab."""
    mode, options = design.mode, dict(design.options)
    flags = {name for name in design.flags if name in _PASSED}
    label = design.on("label")
    compress = design.on("compress")
    if mode.widths:
        options.setdefault("varwidth", str((20 if label else 12) - ((4 if label else 2) if compress else 0)))
        width = 12 - (3 if compress else 0)
        wide_interval = not design.cells_typed and not design.matrix and design.has("ci")
        widths = f"{width} {2 * width - 2}" if design.on("wide") else str(2 * width - 2)
        options.setdefault("modelwidth", widths if wide_interval else str(width))
    if mode.abbreviated and not design.on("noabbrev"):
        flags.add("abbrev")
    if not design.matrix:
        if not design.cells_typed:
            options["cells"] = _cells(design)
        _statistics(design, options)
    _header(design, options, flags)
    for name, value in (("begin", mode.begin), ("delimiter", mode.delimiter), ("end", mode.end),
                        ("incelldelimiter", mode.in_cell), ("interaction", mode.interaction)):  # fmt: skip
        options.setdefault(name, f'`"{value}"\'' if value else "")
    if mode.substitute:
        options.setdefault("substitute", " ".join(f'`"{word}"\'' for word in mode.substitute))
    if mode.name == "rtf" and (design.on("nolines") or design.on("plain")):
        options["begin"] = options["begin"].replace("@rtfrowdefbrdr", "@rtfrowdef")
    if mode.name == "rtf" and "alignment" in design.options:
        options["delimiter"] = options["delimiter"].replace(r"\qc", rf"\q{design.options['alignment'].strip()}")
    if mode.name == "html" and "alignment" in design.options:
        options["delimiter"] = f'`"</td><td align="{design.options["alignment"].strip()}">"\''
    _starlevels(design, options)
    _surroundings(design, options)
    if mode.name == "md":
        flags.add("markdown")
    constant_hidden = design.on("noconstant") or (
        not design.on("constant") and any(design.has(name) for name in _WITHOUT_CONSTANT)
    )
    if constant_hidden and not options.get("drop"):
        options["drop"] = "_cons, relax"
    return Request(options, frozenset(flags), design.level)


_PASSED = frozenset(["eform", "noomitted", "nobaselevels", "stardetach", "unstack", "nolz", "label"])


def _lines(design: _Design) -> bool:
    return (design.on("lines") or not (design.on("nolines") or design.on("plain"))) and design.mode.name not in {
        "tab", "csv", "md",
    }  # fmt: skip


def _gaps(design: _Design) -> bool:
    if design.on("gaps"):
        return True
    if design.on("nogaps") or design.on("plain") or design.on("wide") or design.cells_typed or design.matrix:
        return False
    return not design.on("not") or any(design.has(name) for name in (*_AUXILIARY, "aux"))


def _starred(design: _Design) -> bool:
    return "star" in design.options or design.default_on("star")


def _format(design: _Design, name: str, default: str) -> str:
    plain = design.options.get("b", "%9.0g") if design.on("plain") else default
    return design.options.get(name) or plain


def _cells(design: _Design) -> str:
    """cells() for the coefficient and the statistic below it, and the note that explains them."""
    options = design.options
    notes = design.default_on("notes") and not design.on("nonote")
    said: list[str] = ["Exponentiated coefficients"] if design.has("eform") and notes else []
    b_format = _format(design, "b", "a3")
    star = " star" if _starred(design) and not design.on("staraux") else ""
    if design.has("beta"):
        cells = f"beta(fmt({options.get('beta') or '3'}){star})"
        said += ["Standardized beta coefficients"] if notes else []
    elif "main" in options:
        name, _, fmt = options["main"].strip().partition(" ")
        cells = f"{name}(fmt({fmt.strip() or b_format}){star})"
        said += [f"{name} coefficients"] if notes else []
    else:
        cells = f"b(fmt({b_format}){star})"
    asked = [name for name in (*_AUXILIARY, "aux") if design.has(name)]
    if not design.on("not") or asked:
        if len(asked) > 1:
            raise StataError(198, "only one allowed of z, se, p, ci, and aux()")
        kind = asked[0] if asked else "t"
        cells += (" & " if design.on("onecell") else " ") + _auxiliary(design, kind, b_format)
        if notes:
            said.append(_note(design, kind))
    if said:
        design.notes.append("; ".join(said))
    return f'`"{cells}"\'' if design.on("wide") else cells


def _parenthesised(design: _Design) -> bool:
    return design.default_on("parentheses") or design.on("brackets")


def _auxiliary(design: _Design, kind: str, b_format: str) -> str:
    name, fmt = kind, _format(design, kind, {"t": "2", "z": "2", "p": "3"}.get(kind, b_format))
    if kind == "aux":
        name, _, typed = design.options["aux"].strip().partition(" ")
        fmt = typed.strip() or b_format
    around = ""
    if _parenthesised(design):
        around = " par" if name == "ci" or not design.on("brackets") else " par([ ])"
    absolute = " abs" if design.on("abs") and kind in {"t", "z"} else ""
    return f"{name}(fmt({fmt}){around}{absolute}{' star' if design.on('staraux') else ''})"


def _note(design: _Design, kind: str) -> str:
    mode = design.mode
    what = {
        "t": mode.t,
        "z": mode.z,
        "se": "Standard errors",
        "p": mode.p,
        "ci": mode.ci.format(level=f"{design.level:g}"),
        "aux": design.options.get("aux", "").strip().partition(" ")[0],
    }[kind]
    if kind in {"t", "z"} and design.on("abs"):
        what = f"Absolute {what}"
    if not _parenthesised(design):
        return f"{what} in second {'column' if design.on('wide') else 'row'}"
    return f"{what} in {'brackets' if design.on('brackets') or kind == 'ci' else 'parentheses'}"


_MEASURES = (("r2", "r2"), ("ar2", "r2_a"), ("pr2", "r2_p"), ("aic", "aic"), ("bic", "bic"))


def _statistics(design: _Design, options: dict[str, str]) -> None:
    """stats() for N, the measures of fit and scalars()."""
    if options.get("stats"):
        return
    typed = design.options
    b_format = _format(design, "b", "a3")
    labels = design.mode.labels if design.on("label") else design.mode.statistics
    rows: list[tuple[str, str, str]] = []
    if not design.on("noobs") and not design.on("obslast"):
        rows.append(("N", "%18.0g", labels[0]))
    for position, (name, stored) in enumerate(_MEASURES, start=1):
        if design.has(name):
            default = b_format if design.on("plain") or name in {"aic", "bic"} else "3"
            rows.append((stored, typed.get(name) or default, labels[position]))
    formats = typed.get("sfmt", "").split() or [b_format]
    scalars = typed.get("scalars", "")
    words = split_words(scalars, keep_quotes=True)
    for position, word in enumerate(words):
        name, _, label = strip_quotes(word).partition(" ")
        if name in [row[0] for row in rows] or (name == "N" and design.on("obslast")):
            continue
        rows.append((name, formats[min(position, len(formats) - 1)], label.strip() or name))
    if not design.on("noobs") and design.on("obslast"):
        rows.append(("N", "%18.0g", labels[0]))
    if rows:
        shown = " ".join(f'`"{label}"\'' for _, _, label in rows)
        options["stats"] = (
            f"{' '.join(name for name, _, _ in rows)}, fmt({' '.join(fmt for _, fmt, _ in rows)}) labels({shown})"
        )


def _header(design: _Design, options: dict[str, str], flags: set[str]) -> None:
    spanned = r" span prefix(\multicolumn{@span}{c}{) suffix(})" if design.tex else ""
    if "mlabels" not in options:
        typed = design.options.get("mtitles")
        if typed is not None:
            options["mlabels"] = f"{typed}, titles{spanned}"
        elif design.on("mtitles"):
            options["mlabels"] = f", titles{spanned}"
        elif design.on("nomtitles"):
            options["mlabels"] = "none"
        elif design.default_on("depvars"):
            options["mlabels"] = f", depvar{spanned}"
    if not options.get("collabels") and not design.cells_typed and not design.matrix and not design.on("plain"):
        options["collabels"] = "none"
    if design.default_on("numbers") and "numbers" not in options:
        if design.tex:
            options["numbers"] = r'"\multicolumn{@span}{c}{(" ")}"'
        else:
            flags.add("numbers")


def _starlevels(design: _Design, options: dict[str, str]) -> None:
    if "starlevels" in options or not (_starred(design) or design.cells_typed):
        return
    words = split_words(design.options.get("star", "")) or ["*", "0.05", "**", "0.01", "***", "0.001"]
    if len(words) % 2:
        raise StataError(198, "unmatched list of significance symbols and levels")
    left, right = design.mode.star
    escaped = [word.replace("*", r"\*") if design.mode.name == "md" else word for word in words[::2]]
    pairs = [f'`"{left}{mark}{right}"\' {level}' for mark, level in zip(escaped, words[1::2], strict=True)]
    options["starlevels"] = f'{" ".join(pairs)}, label(`"{design.mode.star_label}"\')'


def _surroundings(design: _Design, options: dict[str, str]) -> None:
    """prehead() to postfoot(), gaps between the rows and rules between the equations."""
    mode, lines, gaps = design.mode, _lines(design), _gaps(design)
    fragment = design.on("fragment")
    if "prehead" not in options:
        opening = [] if fragment else _opening(design)
        if not fragment:
            opening += _top_rule(design) if lines else mode.top_gap if gaps else ()
        options["prehead"] = _quoted(opening)
    if "posthead" not in options:
        options["posthead"] = _quoted(mode.middle if lines else mode.gap if gaps else ())
    if "prefoot" not in options and options.get("stats") and options.get("cells") != "none":
        options["prefoot"] = _quoted(mode.middle if lines else mode.gap if gaps else ())
    if "postfoot" not in options:
        closing = [] if fragment else [*(mode.bottom if lines else mode.bottom_gap if gaps else ()), *_closing(design)]
        options["postfoot"] = _quoted(closing)
    if "varlabels" not in options:
        pairs = design.options.get("coeflabels", "")
        pairs += ' _cons "Constant"' if design.on("label") else ""
        gap = f', end("" {_quoted(mode.gap)}) nolast' if gaps and mode.gap else ""
        options["varlabels"] = f"{pairs}{gap}"
    if not design.on("unstack") and (options.get("eqlabels") or "").strip() != "none":
        rule = mode.equation_rule if lines and not design.on("noeqlines") else mode.gap if gaps else ()
        if rule:
            main, suboptions = split_comma(options.get("eqlabels", ""))
            options["eqlabels"] = f"{main}, {suboptions or ''} begin({_quoted((*rule, ''))}) nofirst"


def _quoted(lines: tuple[str, ...] | list[str]) -> str:
    return " ".join(f'`"{line}"\'' for line in lines)


def _top_rule(design: _Design) -> tuple[str, ...]:
    if design.tex and design.on("longtable"):
        middle = design.mode.middle[0]
        return (rf"{design.mode.top[0]}\endfirsthead{middle}\endhead{middle}\endfoot\endlastfoot",)
    return design.mode.top


_SYM = r"\def\sym#1{\ifmmode^{#1}\else\(^{#1}\)\fi}"


def _opening(design: _Design) -> list[str]:
    titled = bool(design.options.get("title"))
    name = design.mode.name
    if design.tex:
        return _tex_opening(design, titled=titled)
    if name == "rtf":
        fonts = design.options.get("fonttbl") or r"\f0\fnil Times New Roman;"
        lines = [
            rf"{{\rtf1\ansi\deff0 {{\fonttbl{fonts}}}",
            r"{\info {\author .}{\company .}{\title .}}",
            r"\deflang1033\plain\fs24",
            r"{\footer\pard\qc\plain\f0\fs24\chpgn\par}",
        ]
        return [*lines, *([r"{\pard\keepn\ql @title\par}"] if titled else []), "{"]
    if name == "html":
        page = ["<html>", "<head>", "<title>@title</title>", "</head>", "<body>", ""]
        width = design.options.get("width", "*")
        caption = ["<caption>@title</caption>"] if titled else []
        return [*(page if design.has("page") else []), f'<table border="0" width="{width}">', *caption]
    if name == "csv" and titled:
        return [f'{design.mode.begin}@title"']
    return ["@title"] if titled else []


def _tex_opening(design: _Design, *, titled: bool) -> list[str]:
    long, width = design.on("longtable"), design.options.get("width", "")
    lines = []
    if design.has("page"):
        packages = [rf"\usepackage{{{design.options['page']}}}"] if design.options.get("page") else []
        packages += [r"\usepackage{booktabs}"] if design.mode.name == "booktabs" else []
        packages += [r"\usepackage{longtable}"] if long else []
        lines += [r"\documentclass{article}", *packages, r"\begin{document}", ""]
    starred = _starred(design)
    if titled:
        lines.append("{" if long else r"\begin{table}[htbp]\centering")
    elif starred:
        lines.append("{")
    lines += [_SYM] if starred else []
    lines += [r"\caption{@title}"] if titled and not long else []
    table = r"\begin{longtable}" if long else rf"\begin{{tabular*}}{{{width}}}" if width else r"\begin{tabular}"
    fill = r"@{\hskip\tabcolsep\extracolsep\fill}" if width else ""
    lines.append(rf"{table}{{{fill}l*{{@E}}{{{_tex_columns(design)}}}}}")
    return [*lines, *([r"\caption{@title}\\"] if titled and long else [])]


def _tex_columns(design: _Design) -> str:
    if "alignment" in design.options:
        return strip_quotes(design.options["alignment"].strip())
    if not design.cells_typed:
        detached = _starred(design) and design.on("stardetach")
        first = "r@{}l" if detached and not design.on("staraux") else "c"
        second = "r@{}l" if detached and design.on("staraux") else "c"
        return first + (second if design.on("wide") and not design.on("not") else "")
    from ssd.engine.commands.estimates_cells import parse_cells

    return "c" * max(1, parse_cells(design.options["cells"], design.level).parts)


def _closing(design: _Design) -> list[str]:
    """Notes below the table and what ends the document."""
    mode, notes = design.mode, list(design.notes)
    if design.options.get("note"):
        notes = ["@note"]
    added = design.options.get("addnotes")
    if added:
        notes += split_words(added) if '"' in added else [added]
    shown = design.default_on("notes") and not design.on("nolegend") and not design.cells_typed and not design.matrix
    if (shown or design.on("legend")) and (_starred(design) or design.cells_typed):
        notes.append("@starlegend")
    if design.tex:
        return _tex_closing(design, notes)
    if mode.name == "rtf":
        return [*(rf"{{\pard\ql\fs20 {note}\par}}" for note in notes), "}", r"{\pard \par}", "}"]
    if mode.name == "html":
        lines = [("<br />" if i else "") + note for i, note in enumerate(notes)]
        lines = ["<tr><td colspan=@span>", *lines, "</td></tr>"] if lines else []
        return [*lines, "</table>", *(["", "</body>", "</html>"] if design.has("page") else [])]
    if mode.name == "csv":
        return [f'{mode.begin}{note}"' for note in notes]
    return ["", *notes] if mode.name == "md" and notes else notes


def _tex_closing(design: _Design, notes: list[str]) -> list[str]:
    lines = [rf"\multicolumn{{@span}}{{l}}{{\footnotesize {note}}}\\" for note in notes]
    long = design.on("longtable")
    lines.append(r"\end{longtable}" if long else r"\end{tabular*}" if design.options.get("width") else r"\end{tabular}")
    if design.options.get("title"):
        lines.append("}" if long else r"\end{table}")
    elif _starred(design):
        lines.append("}")
    return [*lines, *(["", r"\end{document}"] if design.has("page") else [])]


def _rtf_text(text: str) -> str:
    """Characters beyond ASCII as Rich Text escapes."""
    return "".join(char if ord(char) < 128 else f"\\u{ord(char) - 65536 * (ord(char) > 32767)}?" for char in text)
