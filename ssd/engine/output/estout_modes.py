"""What esttab puts around a table in each of its formats (help esttab, "format modes")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Mode:
    """Texts of one format. Tuples are lines."""

    name: str
    begin: str = ""
    delimiter: str = " "
    end: str = ""
    widths: bool = True
    """Columns have fixed widths."""
    abbreviated: bool = False
    in_cell: str = " "
    interaction: str = " # "
    substitute: tuple[str, ...] = ()
    star: tuple[str, str] = ("", "")
    """What stands before and after a mark of significance."""
    star_label: str = " p<"
    top: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    bottom: tuple[str, ...] = ()
    top_gap: tuple[str, ...] = ()
    gap: tuple[str, ...] = ()
    bottom_gap: tuple[str, ...] = ()
    equation_rule: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ("N", "R-sq", "adj. R-sq", "pseudo R-sq", "AIC", "BIC")
    labels: tuple[str, ...] = ("Observations", "R-squared", "Adjusted R-squared", "Pseudo R-squared", "AIC", "BIC")
    t: str = "t statistics"
    z: str = "z statistics"
    p: str = "p-values"
    ci: str = "{level}% confidence intervals"


_RULE: Final = ("@hline",)
_BLANK: Final = ("",)
_TEX_SUBSTITUTE: Final = ("_", r"\_", r"\_cons ", r"\_cons")


def _tex(name: str, top: str, middle: str, bottom: str, gap: str) -> Mode:
    return Mode(
        name,
        delimiter="&",
        end=r"\\",
        interaction=r" $\times$ ",
        substitute=_TEX_SUBSTITUTE,
        star=(r"\sym{", "}"),
        star_label=r" \(p<@\)",
        top=(top,),
        middle=(middle,),
        bottom=(bottom,),
        gap=(gap,),
        equation_rule=(middle,),
        statistics=(r"\(N\)", r"\(R^{2}\)", r"adj. \(R^{2}\)", r"pseudo \(R^{2}\)", r"\textit{AIC}", r"\textit{BIC}"),
        labels=(
            "Observations", r"\(R^{2}\)", r"Adjusted \(R^{2}\)", r"Pseudo \(R^{2}\)", r"\textit{AIC}", r"\textit{BIC}",
        ),
        t=r"\textit{t} statistics",
        z=r"\textit{z} statistics",
        p=r"\textit{p}-values",
        ci=r"{level}\% confidence intervals",
    )  # fmt: skip


def csv_mode(separator: str, *, plain: bool) -> Mode:
    """Cells as ="text", so that a spreadsheet keeps parentheses; as "text" when `plain`."""
    left = '"' if plain else '="'
    return Mode("csv", left, f'"{separator}{left}', '"', widths=False, top_gap=_BLANK, gap=_BLANK, bottom_gap=_BLANK)


MODES: Final[dict[str, Mode]] = {
    "fixed": Mode(
        "fixed", abbreviated=True, top=_RULE, middle=_RULE, bottom=_RULE, equation_rule=_RULE,
        top_gap=_BLANK, gap=_BLANK, bottom_gap=_BLANK,
    ),
    "tab": Mode("tab", delimiter="\t", widths=False, top_gap=_BLANK, gap=_BLANK, bottom_gap=_BLANK),
    "tex": _tex("tex", r"\hline\hline", r"\hline", r"\hline\hline", "[1em]"),
    "booktabs": _tex("booktabs", r"\toprule", r"\midrule", r"\bottomrule", r"\addlinespace"),
    "html": Mode(
        "html",
        begin="<tr><td>",
        delimiter="</td><td>",
        end="</td></tr>",
        in_cell="<br />",
        star=("<sup>", "</sup>"),
        star_label=" <i>p</i> < ",
        top=("<tr><td colspan=@span><hr></td></tr>",),
        middle=("<tr><td colspan=@span><hr></td></tr>",),
        bottom=("<tr><td colspan=@span><hr></td></tr>",),
        gap=("<tr><td colspan=@span>&nbsp;</td></tr>",),
        equation_rule=("<tr><td colspan=@span><hr></td></tr>",),
        statistics=(
            "<i>N</i>", "<i>R</i><sup>2</sup>", "adj. <i>R</i><sup>2</sup>", "pseudo <i>R</i><sup>2</sup>",
            "<i>AIC</i>", "<i>BIC</i>",
        ),
        labels=(
            "Observations", "<i>R</i><sup>2</sup>", "Adjusted <i>R</i><sup>2</sup>", "Pseudo <i>R</i><sup>2</sup>",
            "<i>AIC</i>", "<i>BIC</i>",
        ),
        t="<i>t</i> statistics",
        z="<i>z</i> statistics",
        p="<i>p</i>-values",
    ),
    "rtf": Mode(
        "rtf",
        begin=r"{\trowd\trgaph108\trleft-108@rtfrowdefbrdr\pard\intbl\ql {",
        delimiter=r"}\cell \pard\intbl\qc {",
        end=r"}\cell\row}",
        in_cell=r"\line ",
        star=(r"{\super ", "}"),
        star_label=r" {\i p} < ",
        gap=(r"{\trowd\trgaph108\trleft-108@rtfemptyrow\row}",),
        statistics=(
            r"{\i N}", r"{\i R}{\super 2}", r"adj. {\i R}{\super 2}", r"pseudo {\i R}{\super 2}", r"{\i AIC}",
            r"{\i BIC}",
        ),
        labels=(
            "Observations", r"{\i R}{\super 2}", r"Adjusted {\i R}{\super 2}", r"Pseudo {\i R}{\super 2}",
            r"{\i AIC}", r"{\i BIC}",
        ),
        t=r"{\i t} statistics",
        z=r"{\i z} statistics",
        p=r"{\i p}-values",
    ),
    "md": Mode("md", begin="| ", delimiter=" | ", end=" |", star=("", "")),
}  # fmt: skip
"""csv and scsv come from `csv_mode`."""
