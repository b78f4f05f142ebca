"""Small self-contained pages."""

from __future__ import annotations

from html import escape
from typing import Any

from ssd import __version__
from ssd.errors import ErrorKind

_STYLE = """
body { font: 16px/1.6 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem;
       color: #1d2733; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { background: #f3f5f7; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .8rem .25rem 0;
       border-bottom: 1px solid #e3e7eb; vertical-align: top; }
a { color: #0b5cad; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe5ea; background: #14181c; } pre { background: #1e242a; } a { color: #7db7f2; }
  td, th { border-color: #333b43; }
}"""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def welcome_page() -> str:
    """What this is and where the API is, in English and Chinese."""
    return _page(
        "ssd",
        f"""<h1>ssd — Stata service daemon</h1>
<p>From a research question and a dataset to reproducible Stata results. Version {escape(__version__)}.</p>
<p lang="zh">从研究问题和数据集到可复现的 Stata 结果。</p>
<h2>Where to begin · <span lang="zh">从这里开始</span></h2>
<p>The service speaks HTTP under <code>/v1</code>. Redeem a task code to get a job and its token:
<br><span lang="zh">接口在 <code>/v1</code> 下。先兑换任务码,得到任务及其令牌:</span></p>
<pre>curl -X POST http://…/v1/task-codes/redeem -H 'Content-Type: application/json' \\
     -d '{{"task_code": "XXXXX-XXXXX-XXXXX-XXXXX", "requirement": "…"}}'</pre>
<ul>
<li><a href="/schema">API reference</a> · <span lang="zh">接口文档</span>
    (<a href="/schema/openapi.json">OpenAPI</a>)</li>
<li><a href="/v1/families">Families of methods</a> and <a href="/v1/templates">templates</a> ·
    <span lang="zh">方法与模板</span></li>
<li><a href="/health/ready">Readiness</a> · <span lang="zh">服务状态</span></li>
</ul>""",
    )


def error_page(kind: ErrorKind) -> str:
    """One row of the error catalogue."""
    again = "Yes" if kind.retryable else "No"
    return _page(
        kind.code,
        f"<h1><code>{escape(kind.code)}</code></h1><p>{escape(kind.title)}.</p><table>"
        f"<tr><th>HTTP status</th><td>{kind.status}</td></tr>"
        f"<tr><th>What to do</th><td>{escape(kind.hint)}</td></tr>"
        f"<tr><th>Can the same request succeed later?</th><td>{again}</td></tr></table>",
    )


def schema_page(document: dict[str, Any]) -> str:
    """Every operation of an OpenAPI document on one page, without scripts."""
    parts = [f"<h1>{escape(document['info']['title'])}</h1>"]
    parts.append(f"<p>{escape(document['info'].get('description', ''))}</p>")
    parts.append('<p>The machine-readable document: <a href="/schema/openapi.json">openapi.json</a>.</p>')
    by_tag: dict[str, list[str]] = {}
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(path, method, operation))
    for tag, operations in sorted(by_tag.items()):
        parts.append(f"<h2>{escape(tag)}</h2><table>{''.join(operations)}</table>")
    return _page(document["info"]["title"], "".join(parts))


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    statuses = ", ".join(escape(status) for status in sorted(operation["responses"]))
    summary, description = escape(operation.get("summary", "")), escape(operation.get("description", ""))
    return (
        f"<tr><td><code>{method.upper()} {escape(path)}</code><br><small>{statuses}</small></td>"
        f"<td>{summary}<br><small>{description}</small></td></tr>"
    )
