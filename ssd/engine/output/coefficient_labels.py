"""The first column of a coefficient table: names, factor levels, lags, and what names tell of a coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.output.tables import wrap_stub

if TYPE_CHECKING:
    from ssd.engine.output.estimation import CoefficientTable


def equation_of(name: str) -> str:
    """The equation of a name; `/` for ancillary parameters, which have none of their own (`/mills:lambda` has)."""
    owner = name.rpartition(":")[0]
    return (owner or "/") if name.startswith("/") else owner


def is_ancillary(name: str) -> bool:
    return equation_of(name) == "/"


def coefficient_status(name: str, empty: frozenset[str] = frozenset()) -> str:
    """empty, base or omitted, as the name of a coefficient tells; otherwise nothing."""
    if name in empty:
        return "empty"
    pieces = name.rpartition(":")[2].split("#")
    operators = [piece.partition(".")[0] if "." in piece else "" for piece in pieces]
    if any(op[:1].isdigit() and op.endswith("b") for op in operators):
        return "base"
    if any(op == "o" or op.startswith(("o", "co")) or (op[:1].isdigit() and op.endswith("o")) for op in operators):
        return "omitted"
    return ""


class CoefficientLabels:
    """Names and factor levels as the first column shows them."""

    def __init__(self, table: CoefficientTable) -> None:
        self.table = table
        self.parts = [self._split(name) for name in table.names]
        self.width = 12
        longest = max(12, table.width)
        for positions in (range(len(table.names)),):
            for group in self.groups(positions):
                shown = [j for j in group if self.is_shown(j)]
                if shown and self.is_block(group, shown):
                    longest = max([longest, *(len(self._levels(j)) + 1 for j in shown)])
        self.width = min(longest, 32) if table.style.stretched else 12

    @staticmethod
    def _split(name: str) -> list[tuple[str, str]]:
        bare = name.rpartition(":")[2]
        pieces = []
        for piece in bare.split("#"):
            operator, dot, variable = piece.partition(".")
            pieces.append((operator, variable) if dot else ("", piece))
        return pieces

    def groups(self, positions: range) -> list[list[int]]:
        """Consecutive coefficients of one term."""
        groups: list[list[int]] = []
        last: object = None
        for j in positions:
            signature = self._signature(j)
            if groups and signature == last and signature[0]:
                groups[-1].append(j)
            else:
                groups.append([j])
            last = signature
        return groups

    def _signature(self, j: int) -> tuple[bool, tuple[str, ...]]:
        if self._is_series(j):
            return True, (equation_of(self.table.names[j]), self.parts[j][0][1])
        factor = any(op[:1].isdigit() for op, _ in self.parts[j])
        shown = tuple(variable if op[:1].isdigit() else plain_operator(op, variable) for op, variable in self.parts[j])
        return factor, (equation_of(self.table.names[j]), *shown)

    def is_shown(self, j: int) -> bool:
        style = self.table.style
        status = coefficient_status(self.table.names[j], self.table.empty)
        if status == "base":
            return style.every_base or (self.table.base_levels and len(self.parts[j]) == 1)
        return style.omitted if status == "omitted" else style.empty or status != "empty"

    def _is_series(self, j: int) -> bool:
        """A variable alone, possibly under a time-series operator."""
        operator = self.parts[j][0][0]
        return len(self.parts[j]) == 1 and not operator[:1].isdigit() and not is_ancillary(self.table.names[j])

    def is_block(self, group: list[int], shown: list[int]) -> bool:
        if self._is_series(group[0]):
            return any(time_operator(self.parts[j][0][0]) for j in group)
        parts = self.parts[group[0]]
        if len(parts) > 1:
            return True
        if not parts[0][0][:1].isdigit():
            return False
        if len(shown) > 1:
            return True
        return self._level_text(*parts[0]) != self._level(parts[0][0])

    @staticmethod
    def _level(operator: str) -> str:
        return operator.rstrip("bno")

    def _level_text(self, operator: str, variable: str) -> str:
        level = self._level(operator)
        data = self.table.data if self.table.style.value_labels else None
        if data is not None and variable in data.variables:
            labels = data.value_labels.get(data.variables[variable].value_label, {})
            return labels.get(int(level), level)
        return level

    def _levels(self, j: int) -> str:
        factors = [(op, variable) for op, variable in self.parts[j] if op[:1].isdigit()]
        texts = [self._level_text(op, variable) for op, variable in factors]
        labelled = any(text != self._level(op) for text, (op, _) in zip(texts, factors, strict=True))
        return ("#" if labelled else " ").join(texts)

    def plain(self, j: int) -> str:
        name = self.table.names[j].rpartition(":")[2]
        if is_ancillary(self.table.names[j]):
            name = "/" + name.lstrip("/")
        operator, variable = self.parts[j][0]
        if operator and not name.startswith("/"):
            if operator[:1].isdigit():
                name = f"{self._level(operator)}.{variable}"
            else:
                name = plain_operator(operator, variable, main=True)
            prefix = name[: len(name) - len(variable)]
            name = prefix + abbreviated(variable, max(self.width - len(prefix), 5))
        else:
            name = abbreviated(name, self.width)
        return f"{name:>{self.width}} |"

    def block(self, shown: list[int]) -> tuple[list[str], list[str]]:
        parts = self.parts[shown[0]]
        if self._is_series(shown[0]):
            rows = [f"{lag_label(self.parts[j][0][0]):>{self.width}} |" for j in shown]
            return [f"{abbreviated(parts[0][1], self.width):>{self.width}} |"], rows
        words = [
            abbreviated(variable, self.width) if op[:1].isdigit() else plain_operator(op, variable)
            for op, variable in parts
        ]
        lines: list[str] = []
        current = words[0]
        for word in words[1:]:
            if len(current) + 1 + len(word) <= self.width:
                current += "#" + word
            else:
                lines.append(current + "#")
                current = word
        factors = any(op[:1].isdigit() for op, _ in parts)
        headings = [f"{line:>{self.width + 1}}|" for line in lines]
        if not factors:
            return headings, [f"{current:>{self.width}} |"]
        headings.append(f"{current:>{self.width}} |")
        rows = ["\n".join(f"{line:>{self.width - 1}}  |" for line in self._level_lines(j)) for j in shown]
        return headings, rows

    def _level_lines(self, j: int) -> list[str]:
        """The levels of one coefficient in at most as many lines as the style allows."""
        room = self.width - 1
        text = self._levels(j)
        style = self.table.style
        if len(text) <= room or style.stretched or style.wrap <= 1:
            return [abbreviated(text, room)]
        if style.wrap_on == "width":
            pieces = [text[start : start + room] for start in range(0, len(text), room)]
        else:
            pieces = wrap_stub(text, room)
        if len(pieces) > style.wrap:
            last = pieces[style.wrap - 1]
            pieces = [*pieces[: style.wrap - 1], last[: room - 2] + ".."]
        return pieces


def time_operator(operator: str) -> str:
    """The time-series operator without the marks for omission and continuous parts."""
    return operator.lstrip("co")


def lag_label(operator: str) -> str:
    """How a row of a block of lags is named: `L1.`, `LD.`, `L2D.`, and `--.` for the variable itself."""
    op = time_operator(operator)
    if not op:
        return "--."
    return f"{op}1." if len(op) == 1 else f"{op}."


def plain_operator(operator: str, variable: str, *, main: bool = False) -> str:
    op = operator
    if op.startswith("co"):
        op = "c" + op[2:]
    elif op.startswith("o"):
        op = op[1:]
    if main or not op.startswith("c"):
        op = op.removeprefix("c")
    elif len(op) > 1:
        op = "c" + op[1:]
    return f"{op}.{variable}" if op else variable


def abbreviated(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 2] + "~" + name[-1]
