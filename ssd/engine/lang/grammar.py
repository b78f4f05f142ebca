"""The declarations of commands, in the notation of Stata's own `syntax` command, compiled.

One compiled form serves the built-in commands (declare.py) and `syntax` inside user programs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.quoting import closing, split_words, strip_quotes

_SUBJECTS: Final = (
    "varlist", "varname", "newvarlist", "newvarname", "namelist", "name", "anything",
)  # fmt: skip
_WEIGHTS: Final = {
    "aweight": "aweight", "aw": "aweight", "fweight": "fweight", "fw": "fweight",
    "pweight": "pweight", "pw": "pweight", "iweight": "iweight", "iw": "iweight",
}  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Subject:
    """What may follow the command name: a varlist of some kind, names, or anything."""

    kind: str
    required: bool
    minimum: int | None = None
    maximum: int | None = None
    default_none: bool = False
    numeric: bool = False
    string: bool = False
    fv: bool = False
    ts: bool = False
    name: str = ""
    """Macro that `anything(name=…)` and `namelist(name=…)` fill; the kind when not given."""
    identifier: str = ""
    """Word used in "… required" for `id="…"`."""
    everything: bool = False
    equal_ok: bool = False
    exists: bool = True


@dataclass(frozen=True)
class Option:
    """One declared option. `name` is the full lower-case name, including the `no` of a negated flag."""

    name: str
    minimum: int
    kind: str = "flag"
    """flag, string, integer, real, cilevel, numlist, varlist, varname, newvarlist, newvarname, name,
    namelist, passthru or exp."""
    required: bool = False
    negated: bool = False
    default: str = ""
    as_is: bool = False
    detail: str = ""
    """Text of the type's own parentheses or trailing words (`>0 integer` of a numlist)."""

    @property
    def macro(self) -> str:
        """The local macro the `syntax` command fills."""
        return self.name[2:] if self.negated else self.name


@dataclass(frozen=True)
class Grammar:
    """A compiled declaration."""

    subject: Subject | None = None
    condition: str = "no"
    """`no`, `optional` or `required` for `if`; likewise below."""
    condition_bare: bool = False
    """`[if/]`: the macro holds the expression without the word `if`."""
    range: str = "no"
    range_bare: bool = False
    using: str = "no"
    using_bare: bool = False
    weights: tuple[str, ...] = ()
    weights_bare: bool = False
    weights_required: bool = False
    expression: str = "no"
    expression_bare: bool = False
    options: tuple[Option, ...] = ()
    any_option: bool = False
    """`*`: options that are not declared are passed on in the macro `options`."""
    options_allowed: bool = field(default=False)


@lru_cache(maxsize=2048)
def compile_grammar(text: str) -> Grammar:
    """Compile a declaration such as `varlist(fv) [if] [in] [fweight] [, Level(cilevel) noCONStant]`.

    Raises r(197) when the declaration itself is malformed.
    """
    return _Compiler(text).compile()


class _Compiler:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.optional = False
        self.in_options = False
        self.grammar = Grammar()
        self.options: list[Option] = []
        self.weights: list[str] = []

    def compile(self) -> Grammar:
        while self._skip_blanks() < len(self.text):
            char = self.text[self.position]
            if char in "[]":
                self.optional = char == "["
                self.position += 1
            elif char == ",":
                self.in_options = True
                self.grammar = replace(self.grammar, options_allowed=True)
                self.position += 1
            elif self.in_options:
                self._option()
            else:
                self._element()
        return replace(self.grammar, options=tuple(self.options), weights=tuple(dict.fromkeys(self.weights)))

    def _skip_blanks(self) -> int:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        return self.position

    def _need(self) -> str:
        return "optional" if self.optional else "required"

    def _slash(self) -> bool:
        self._skip_blanks()
        if self.text.startswith("/", self.position):
            self.position += 1
            return True
        return False

    def _parenthesised(self) -> str:
        if not self.text.startswith("(", self.position):
            return ""
        end = closing(self.text, self.position)
        inner = self.text[self.position + 1 : end]
        self.position = end + 1
        return inner

    def _element(self) -> None:
        char = self.text[self.position]
        if char == "/":
            self.position += 1
            self.grammar = replace(self.grammar, weights_bare=True)
            return
        if char == "=":
            self.position += 1
            bare = self._slash()
            self._take_word()
            self.grammar = replace(self.grammar, expression=self._need(), expression_bare=bare)
            return
        word = self._take_word()
        if word in _SUBJECTS:
            self.grammar = replace(self.grammar, subject=_subject(word, self._parenthesised(), not self.optional))
        elif word == "if":
            self.grammar = replace(self.grammar, condition=self._need(), condition_bare=self._slash())
        elif word == "in":
            self.grammar = replace(self.grammar, range=self._need(), range_bare=self._slash())
        elif word == "using":
            self.grammar = replace(self.grammar, using=self._need(), using_bare=self._slash())
        elif word in _WEIGHTS:
            self.weights.append(_WEIGHTS[word])
            self.grammar = replace(self.grammar, weights_required=not self.optional)
        else:
            raise StataError(197, f"invalid syntax\n{word or char} not understood in a syntax declaration")

    def _take_word(self) -> str:
        self._skip_blanks()
        match = _WORD.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group()

    def _option(self) -> None:
        if self.text[self.position] == "*":
            self.position += 1
            self.grammar = replace(self.grammar, any_option=True)
            return
        match = re.compile(r"[\w]+").match(self.text, self.position)
        if match is None:
            raise StataError(197, "invalid syntax\noption not understood in a syntax declaration")
        self.position = match.end()
        has_value = self.text.startswith("(", self.position)
        self.options.append(_option(match.group(), self._parenthesised() if has_value else None, not self.optional))


def _subject(kind: str, inner: str, required: bool) -> Subject:
    subject = Subject(kind, required, name=kind if kind == "anything" else "")
    if kind in ("varname", "newvarname", "name"):
        subject = replace(subject, maximum=1)
    for word in _subject_words(inner):
        key, _, value = word.partition("=")
        if key == "min":
            subject = replace(subject, minimum=int(value), required=required and int(value) > 0)
        elif key == "max":
            subject = replace(subject, maximum=int(value))
        elif key == "default":
            subject = replace(subject, default_none=value == "none")
        elif key == "name":
            subject = replace(subject, name=value)
        elif key == "id":
            subject = replace(subject, identifier=strip_quotes(value))
        elif key == "numeric":
            subject = replace(subject, numeric=True)
        elif key in ("string", "strL", "str"):
            subject = replace(subject, string=True)
        elif key == "fv":
            subject = replace(subject, fv=True)
        elif key == "ts":
            subject = replace(subject, ts=True)
        elif key == "everything":
            subject = replace(subject, everything=True)
        elif key == "equalok":
            subject = replace(subject, equal_ok=True)
        elif key in ("generate", "local", "clear"):
            continue
        else:
            raise StataError(197, f"invalid syntax\n{word} not understood in a syntax declaration")
    return subject


def _subject_words(inner: str) -> list[str]:
    spaced = re.sub(r"\s*=\s*", "=", inner.replace(",", " "))
    return split_words(spaced, keep_quotes=True)


def _option(word: str, value: str | None, required: bool) -> Option:
    negated = value is None and len(word) > 2 and word.startswith("no")
    stem = word[2:] if negated else word
    lower_at = next((i for i, char in enumerate(stem) if char.islower()), len(stem))
    minimum = (lower_at if lower_at > 0 else len(stem)) + (2 if negated else 0)
    name = word.lower()
    if value is None:
        return Option(name, minimum, required=required, negated=negated)
    words = value.split(None, 1)
    kind = words[0].lower() if words else "string"
    rest = words[1].strip() if len(words) > 1 else ""
    bracket = kind.find("(")
    if bracket > 0:
        kind, rest = kind[:bracket], value.strip()[bracket:]
        rest = rest[1:-1] if rest.endswith(")") else rest
    if kind == "str":
        kind = "string"
    if kind == "int":
        kind = "integer"
    if kind not in _OPTION_KINDS:
        raise invalid_syntax(f"invalid syntax\noption type {kind} not understood in a syntax declaration")
    if kind in ("integer", "real"):
        return Option(name, minimum, kind, required and not rest, default=rest)
    if kind == "cilevel":
        return Option(name, minimum, kind)
    as_is = rest.split()[:1] == ["asis"] if kind == "string" else False
    return Option(name, minimum, kind, required, as_is=as_is, detail=rest)


_OPTION_KINDS: Final = frozenset(
    """
    string integer real cilevel numlist varlist varname newvarlist newvarname name namelist passthru exp
    """.split()  # noqa: SIM905 - a list of names reads best as text
)
