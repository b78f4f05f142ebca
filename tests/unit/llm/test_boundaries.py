"""Only the gateway talks to providers or writes the ledger: checked over the syntax trees of the whole package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LLM = "ssd/llm/"

DRIVEN_BY = {
    "ssd.llm.admission": {"gateway.py"},
    "ssd.llm.conversation": {"gateway.py"},
    "ssd.llm.settlement": {"gateway.py", "admission.py"},
    "ssd.llm.ledger": {"gateway.py", "admission.py", "settlement.py"},
    "ssd.llm.budget": {"admission.py", "settlement.py"},
    "ssd.llm.breaker": {"admission.py", "settlement.py"},
    "ssd.llm.cache": {"gateway.py", "admission.py", "settlement.py"},
    "ssd.llm.evidence": {"gateway.py"},
    "ssd.llm.providers": {"gateway.py", "conversation.py"},
}
"""Who in ssd/llm may import what; nobody elsewhere may."""
FREE_NAMES = {
    "ssd.llm.ledger": {"COLUMNS", "OUTCOME", "call_of"},
    "ssd.llm.evidence": {"EvidenceFile", "EvidenceFolder"},
    "ssd.llm.budget": {"SPENT_IN_HOUR", "month_of", "hour_of"},
}
"""What only reads, or only computes."""
WRITERS = {
    "llm_calls": {"ssd/llm/ledger.py", "ssd/jobs/erase.py"},
    "llm_outcomes": {"ssd/llm/ledger.py", "ssd/jobs/erase.py"},
    "llm_reservations": {"ssd/llm/budget.py"},
    "llm_monthly": {"ssd/llm/budget.py"},
    "llm_hourly": {"ssd/llm/budget.py"},
    "llm_cache": {"ssd/llm/cache.py", "ssd/jobs/erase.py"},
    "llm_breakers": {"ssd/llm/breaker.py", "ssd/llm/controls.py"},
    "llm_caps": {"ssd/llm/controls.py"},
}
CLIENTS = {"httpx", "requests", "aiohttp", "urllib.request", "http.client", "urllib3", "anthropic", "openai"}
CLIENT_USERS = ("ssd/llm/providers/transport.py", "ssd/demo/", "ssd/cli/")
WRITE = re.compile(r"\b(?:INSERT (?:OR \w+ )?INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+(llm_\w+)", re.IGNORECASE)
ADDRESS = re.compile(r"api\.anthropic\.com|api\.openai\.com|v1/messages|chat/completions")


def violations(path: str, source: str) -> list[str]:
    """What a module does that only others may."""
    tree = ast.parse(source)
    found = []
    aliases: dict[str, str] = {}
    docstrings = {
        id(statement.value)
        for statement in ast.walk(tree)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for item in names:
                    found += _import_problems(path, item.name, None)
            case ast.ImportFrom(module=str(module), names=names):
                for item in names:
                    inner = f"{module}.{item.name}"
                    if inner in DRIVEN_BY and inner in FREE_NAMES:
                        aliases[item.asname or item.name] = inner
                    else:
                        found += _import_problems(path, module, item.name)
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                found += _text_problems(path, " ".join(text.split()))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found += _import_problems(path, aliases[node.value.id], node.attr)
    return found


def _import_problems(path: str, module: str, name: str | None) -> list[str]:
    problems = []
    for candidate in (module, f"{module}.{name}"):
        for inner, drivers in DRIVEN_BY.items():
            if candidate != inner and not candidate.startswith(inner + "."):
                continue
            if path in {LLM + driver for driver in drivers} or path.startswith(_home(inner)):
                continue
            if candidate == inner and name in FREE_NAMES.get(inner, set()):
                continue
            if candidate == inner + f".{name}" and name in FREE_NAMES.get(inner, set()):
                continue
            problems.append(f"{path} imports {candidate}")
        if candidate in CLIENTS and not path.startswith(CLIENT_USERS):
            problems.append(f"{path} imports {candidate}")
    return problems


def _home(inner: str) -> str:
    """A module, or the package, itself."""
    return inner.replace(".", "/") + ("/" if inner.endswith("providers") else ".py")


def _text_problems(path: str, text: str) -> list[str]:
    problems = [
        f"{path} writes {table}"
        for table in WRITE.findall(text)
        if table.lower() in WRITERS and path not in WRITERS[table.lower()]
    ]
    if ADDRESS.search(text) and not path.startswith(LLM + "providers/"):
        problems.append(f"{path} names an address of a provider")
    if text.startswith("ssd.llm.providers") and not path.startswith(LLM + "providers/"):
        problems.append(f"{path} names a provider module")
    return problems


def sources() -> dict[str, str]:
    found = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "ssd").rglob("*.py")}
    return {name: path.read_text("utf-8") for name, path in found.items()}


def test_nobody_but_the_gateway_talks_to_providers_or_writes_the_ledger():
    files = sources()
    assert {LLM + "gateway.py", LLM + "ledger.py", LLM + "providers/anthropic.py"} <= files.keys()
    assert [problem for path, source in files.items() for problem in violations(path, source)] == []


@pytest.mark.parametrize(
    "planted",
    [
        "from ssd.llm.providers.anthropic import Anthropic",
        "import ssd.llm.providers.openai",
        "from ssd.llm.providers import anthropic",
        "from ssd.llm import ledger\nledger.claim(connection, new)",
        "from ssd.llm.ledger import close",
        "from ssd.llm import settlement as other",
        "from ssd.llm.budget import settle",
        "from ssd.llm import budget as money\nmoney.release(connection, scope, call_id, now=now)",
        "import httpx",
        "from urllib.request import urlopen",
        "import importlib\nimportlib.import_module('ssd.llm.providers.anthropic')",
        "SQL = 'UPDATE llm_calls SET cost = 0'",
        "SQL = '''\n    INSERT INTO llm_monthly\n    VALUES (1)'''",
        "connection.execute(f'DELETE FROM llm_reservations WHERE call_id = {call_id}')",
        "URL = 'https://api.anthropic.com/v1/messages'",
    ],
)
def test_a_planted_violation_is_found(planted):
    assert violations("ssd/drafts/service.py", planted) != []
    assert violations("ssd/llm/operations/explanation.py", planted) != []


@pytest.mark.parametrize(
    "allowed",
    [
        "from ssd.llm.gateway import Gateway",
        "from ssd.llm.ledger import COLUMNS, call_of",
        "from ssd.llm import ledger\nledger.COLUMNS",
        "SQL = 'SELECT cost FROM llm_calls'",
        "SQL = 'UPDATE llm_tasks SET status = ?'",
    ],
)
def test_reading_is_no_violation(allowed):
    assert violations("ssd/ops/llm_control.py", allowed) == []
