"""Secrets and personal data taken out of a text before it is sent, stored, logged or shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

BLACKED: Final = "[redacted]"

_NAMES: Final = (
    r"(?:[a-z0-9]+[_-])*(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|client[_-]?secret|secret"
    r"|password|passwd|pwd|auth[_-]?token|access[_-]?token|refresh[_-]?token|token|credentials?|task[_-]?code)"
)

_KEPT_GROUP: Final = "kept"
_RULES: Final = tuple(
    # ASCII word boundaries: a key that follows a Chinese character without a space is still a key.
    re.compile(pattern, re.ASCII | (re.IGNORECASE if insensitive else re.NOFLAG))
    for pattern, insensitive in (
        # PEM blocks first: what is inside must not be cut up by the rules below.
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", False),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\sA-Za-z0-9+/=]+", False),
        (r"(?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}", True),
        (r"(?P<kept>\bss[av]1\.[A-Za-z0-9_]+\.)[A-Za-z0-9_-]+", False),
        (r"\b[0-9A-Za-z]{5}(?:-[0-9A-Za-z]{5}){3}\b", False),
        # Keys by the shape their issuers give them: OpenAI and Anthropic, AWS, GitHub, GitLab, Slack, Google, JWT.
        (r"\bsk-[A-Za-z0-9_-]{8,}", False),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", False),
        (r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,})", False),
        (r"\bxox[abeprs]-[A-Za-z0-9-]{8,}", False),
        (r"\bAIza[\w-]{30,}", False),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+", False),
        # "api_key": "…", password='…', token = …, and user:password@ in addresses.
        (rf"""(?P<kept>\\?["']?\b{_NAMES}\\?["']?\s*[:=]\s*\\?["'])[^"'\\\n]+""", True),
        (rf"(?P<kept>\b{_NAMES}\s*=\s*)[^\s\"',;&)\]}}]+", True),
        (rf"(?P<kept>\b{_NAMES}:\s*)(?=[^\s\"',;]*\d)[^\s\"',;&)\]}}]{{8,}}", True),
        (r"(?P<kept>(?:密码|密钥|口令|令牌)\s*(?:是|为|[:：=])\s*)[^\s，。；、,;]+", False),
        (r"(?P<kept>\b[a-z][a-z0-9+.-]*://[^\s/:@]+:)[^\s/@]+(?=@)", True),
        (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", False),
        (r"(?:/home/|/Users/)[^/\s\"'`:;,()<>|]+|/root(?=[/\s\"'`:;,()]|$)", False),
        (r"\b[A-Za-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/)[^\\/\s\"'`:;,()<>|]+", True),
        # United States social security numbers.
        (r"(?<![\w.-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])", False),
    )
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
        for rule in _RULES:
            text = rule.sub(_blacken, text)
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


_NAMED: Final = re.compile(_NAMES, re.IGNORECASE)


def _redacted_member(key: str, item: Any, change: Callable[[str], str]) -> Any:
    if isinstance(item, str) and item and _NAMED.fullmatch(key):
        return BLACKED
    return _mapped(item, change)
