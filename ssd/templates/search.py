"""BM25 over short texts in English and Chinese."""

from __future__ import annotations

import math
import re
from collections import Counter

from ssd.templates.models import Family, Template

K1 = 1.2
B = 0.75
"""Usual constants of BM25 (Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, section 3)."""

_WORD = re.compile(r"[a-z0-9]+(?:[.²][a-z0-9]+)*|[\u3400-\u9fff\uf900-\ufaff]+")
_STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "has", "have",
    "how", "i", "if", "in", "is", "it", "its", "me", "my", "of", "on", "or", "our", "than", "that",
    "the", "their", "there", "these", "this", "to", "was", "we", "what", "when", "where", "which", "whether", "who",
    "why", "will", "with", "you", "your",
})  # fmt: skip


def tokens(text: str) -> list[str]:
    """English words without common endings and stop words; Chinese runs as overlapping pairs of characters."""
    found: list[str] = []
    for run in _WORD.findall(text.lower()):
        if run[0] >= "\u3400":
            found += [run[start : start + 2] for start in range(max(1, len(run) - 1))]
        elif run not in _STOP_WORDS:
            found.append(_stem(run))
    return found


def _stem(word: str) -> str:
    """Cut the endings that separate a question's words from a method's: effects/effect, explains/explaining."""
    for ending in ("ings", "ing", "edly", "ed", "ies", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            stem = word[: -len(ending)]
            return stem + "y" if ending == "ies" else stem.removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def template_text(template: Template) -> list[tuple[str, float]]:
    """Parts of a template's description with their weights."""
    return [
        (f"{template.title.en} {template.title.zh}", 3.0),
        (" ".join(template.tags), 2.0),
        (template.use_when, 1.5),
        (f"{template.summary.en} {template.summary.zh}", 1.0),
        (f"{template.id.replace('.', ' ').replace('_', ' ')} {template.design}", 1.0),
    ]


def family_text(family: Family) -> list[tuple[str, float]]:
    """Parts of a family's description with their weights."""
    return [
        (f"{family.title.en} {family.title.zh}", 2.0),
        (" ".join(family.keywords), 2.0),
        (family.use_when, 1.0),
    ]


class TextIndex:
    """Documents as weighted parts, ranked by BM25."""

    def __init__(self, documents: dict[str, list[tuple[str, float]]]) -> None:
        self._counts: dict[str, Counter[str]] = {}
        for key, parts in documents.items():
            counts: Counter[str] = Counter()
            for text, weight in parts:
                for token in tokens(text):
                    counts[token] += weight  # type: ignore[assignment]
            self._counts[key] = counts
        self._lengths = {key: float(sum(counts.values())) for key, counts in self._counts.items()}
        self._mean_length = sum(self._lengths.values()) / max(1, len(self._lengths)) or 1.0
        self._document_frequency = Counter(token for counts in self._counts.values() for token in counts)

    def search(self, query: str) -> list[tuple[str, float]]:
        """Keys with a positive score, best first; ties in the order of the keys."""
        wanted = Counter(tokens(query))
        scores = {key: self._score(key, wanted) for key in self._counts}
        matches = [(key, score) for key, score in scores.items() if score > 0]
        return sorted(matches, key=lambda pair: (-pair[1], pair[0]))

    def _score(self, key: str, wanted: Counter[str]) -> float:
        counts = self._counts[key]
        norm = K1 * (1 - B + B * self._lengths[key] / self._mean_length)
        total = 0.0
        for token in wanted:
            frequency = float(counts[token])
            if frequency:
                total += self._rarity(token) * frequency * (K1 + 1) / (frequency + norm)
        return total

    def _rarity(self, token: str) -> float:
        documents = len(self._counts)
        having = self._document_frequency[token]
        return math.log(1 + (documents - having + 0.5) / (having + 0.5))
