"""Secrets and personal data taken out of a text before it is sent, stored, logged or shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

BLACKED: Final = "[redacted]"

_NAMES: Final = (
    r"(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|secret|password|passwd|pwd|token"
    r"|credentials?|task[_-]?code)"
)
_NAME_PARTS: Final = ("key", "secret", "passw", "pwd", "token", "credential", "code")


class _Rule:
    """A pattern, and substrings of which any text it matches has one.

    Looking for those first makes an ordinary text cheap. No pattern takes more than a bounded look at each
    place of a text, so that a long text made for the purpose is not slow either; a test measures it.
    """

    def __init__(self, parts: tuple[str, ...], pattern: str, *, any_case: bool = False) -> None:
        self._parts = parts
        # ASCII word boundaries: a key that follows a Chinese character without a space is still a key.
        self._pattern = re.compile(pattern, re.ASCII | (re.IGNORECASE if any_case else re.NOFLAG))

    def apply(self, text: str, lowered: str) -> str:
        if not any(part in lowered for part in self._parts):
            return text
        return self._pattern.sub(_blacken, text)


_KEPT_GROUP: Final = "kept"
_END: Final = r"""[^\s"',;&)\]}]"""
_RULES: Final = (
    # A whole PEM block first: what is inside must not be cut up by the rules below.
    _Rule(
        ("private key-----",),
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----))*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
    ),
    _Rule(("bearer", "basic"), r"(?P<kept>\b(?:bearer|basic)\s{1,8})[A-Za-z0-9._~+/=-]{6,}", any_case=True),
    _Rule(("ssv1.", "ssa1."), r"(?P<kept>\bss[av]1\.[A-Za-z0-9_]{1,64}\.)[A-Za-z0-9_-]+"),
    _Rule(("-",), r"(?<![0-9A-Za-z])[0-9A-Za-z]{5}(?:-[0-9A-Za-z]{5}){3}(?![0-9A-Za-z])"),
    # Keys by the shape their issuers give them: OpenAI and Anthropic, AWS, GitHub, GitLab, Slack, Google, JWT.
    _Rule(("sk-",), r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{8,}"),
    _Rule(("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _Rule(("gh", "glpat-"), r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,})"),
    _Rule(("xox",), r"\bxox[abeprs]-[A-Za-z0-9-]{8,}"),
    _Rule(("aiza",), r"\bAIza[\w-]{30,}"),
    _Rule(("eyj",), r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"),
    # "api_key": "…", password='…', token = …, and user:password@ in addresses.
    _Rule(_NAME_PARTS, rf"""(?P<kept>{_NAMES}\\?["']?\s{{0,8}}[:=]\s{{0,8}}\\?["'])[^"'\\\n]+""", any_case=True),
    _Rule(_NAME_PARTS, rf"(?P<kept>{_NAMES}\s{{0,8}}=\s{{0,8}}){_END}+", any_case=True),
    _Rule(_NAME_PARTS, rf"(?P<kept>{_NAMES}:\s{{0,8}})(?={_END}{{0,99}}\d){_END}{{8,}}", any_case=True),
    _Rule(("密", "口令", "令牌"), r"(?P<kept>(?:密码|密钥|口令|令牌)\s{0,8}(?:是|为|[:：=])\s{0,8})[^\s，。；、,;]+"),
    _Rule(("://",), r"(?P<kept>://[^\s/:@]{1,99}:)[^\s/@]{1,199}(?=@)"),
    _Rule(("@",), r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    _Rule(("/home/", "/users/", "/root"), r"(?:/home/|/Users/)[^/\s\"'`:;,()<>|]+|/root(?=[/\s\"'`:;,()]|$)"),
    _Rule(
        ("users",),
        r"\b[A-Za-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/)[^\\/\s\"'`:;,()<>|]+",
        any_case=True,
    ),
    # United States social security numbers.
    _Rule(("-",), r"(?<![\w.-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"),
)
_RESIDENT_ID: Final = re.compile(
    r"(?<![\w.])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\w)",
    re.ASCII,
)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"


def _is_resident_id(text: str) -> bool:
    """Whether the check digit of a Chinese resident identity number fits (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False))
    return _CHECK_DIGITS[total % 11] == text[17].upper()


def _blacken(match: re.Match[str]) -> str:
    return match.groupdict().get(_KEPT_GROUP, "") + BLACKED


class Redactor:
    """Blacks out what looks like a secret, and the secrets this server is configured with whatever they look like."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = sorted((secret for secret in known if secret), key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, BLACKED)
        lowered = text.lower()
        for rule in _RULES:
            text = rule.apply(text, lowered)
        return _RESIDENT_ID.sub(lambda match: BLACKED if _is_resident_id(match[0]) else match[0], text)

    def value(self, value: Any) -> Any:
        """A JSON value with its strings and keys redacted; numbers and structure stay."""
        return _mapped(value, self.text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): _redacted_member(key, item, change) for key, item in value.items()}
    return value


_NAMED: Final = re.compile(rf"(?:\w{{1,64}}[_-])?{_NAMES}", re.IGNORECASE)


def _redacted_member(key: str, item: Any, change: Callable[[str], str]) -> Any:
    if isinstance(item, str) and item and _NAMED.fullmatch(key):
        return BLACKED
    return _mapped(item, change)
