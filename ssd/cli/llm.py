"""`ssd llm`: the switches, caps, breakers and dashboards of the language models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from ssd.cli.operator import run_command
from ssd.errors import SsdError
from ssd.ops.admin.commands import ChangeLlm, Command, ReadDashboards, ShowLlm
from ssd.ops.llm_control import CapChange, ControlChange
from ssd.settings import load_settings


def llm(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    if arguments.action == "dashboards":
        return _write_dashboards(run_command(settings, ReadDashboards()), Path(arguments.out))
    status = run_command(settings, _command(arguments))[0]
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(status), indent=2).decode())
    else:
        print("\n".join(_lines(status)))
    return 0


def _command(arguments: argparse.Namespace) -> Command:
    match arguments.action:
        case "kill":
            on = arguments.state == "on"
            if arguments.provider is not None:
                return ChangeLlm(ControlChange(provider_kill_switches={arguments.provider: on}))
            return ChangeLlm(ControlChange(kill_switch=on))
        case "shutoff":
            return ChangeLlm(ControlChange(shutoff=None if arguments.lift else arguments.reason))
        case "reset-breaker":
            return ChangeLlm(ControlChange(reset_breaker=arguments.provider))
        case "set-cap":
            return ChangeLlm(_cap(arguments))
        case _:
            return ShowLlm()


def _cap(arguments: argparse.Namespace) -> ControlChange:
    """Everybody's monthly or hourly cap, or one user's own."""
    if arguments.user is not None:
        cents = None if arguments.remove else arguments.cents
        return ControlChange(user_caps=[CapChange(arguments.tenant, arguments.user, cents)])
    if arguments.hourly:
        return ControlChange(hourly_cap_cents=arguments.cents)
    return ControlChange(monthly_cap_cents=arguments.cents)


def _lines(status: dict[str, Any]) -> list[str]:
    controls, month = status["controls"], status["month"]
    killed = controls["kill_switch"] or controls["kill_switch_from_environment"]
    provider = "none (the rule planner does the work)"
    if status["provider"] != "none":
        provider = f"{status['provider']} {status['model']}"
    lines = [
        f"provider:      {provider}",
        f"kill switch:   {'ON' if killed else 'off'}"
        + (" (by SS_LLM_KILL_SWITCH; lifted only by a restart)" if controls["kill_switch_from_environment"] else ""),
        f"shut-off:      {controls['shutoff'] if controls['shutoff'] is not None else 'none'}",
        f"monthly cap:   {controls['monthly_cap_cents']} cents per user",
        f"hourly cap:    {controls['hourly_cap_cents']} cents per user",
        f"breaker:       {controls['breaker_failures']} failures, open for {controls['breaker_open_seconds']:g} s",
        f"time-out:      {controls['timeout_seconds']:g} s",
        f"month {month['month']}: spent {month['spent_cents']:.2f} cents, held {month['reserved_cents']:.2f} cents, "
        f"{month['calls']} calls, {month['pending_calls']} under way",
    ]
    if status["fallback_provider"] != "none":
        lines.insert(1, f"fallback:      {status['fallback_provider']} {status['fallback_model']}")
    lines += [f"killed:        {name}" for name in controls["killed_providers"]]
    lines += [
        f"breaker {breaker['provider']}: {breaker['state']}, {breaker['failures']} failures in a row"
        + (f", open until {breaker['open_until']}" if breaker["open_until"] else "")
        for breaker in status["breakers"]
    ]
    lines += [
        f"cap {cap['tenant_id']}/{cap['user_id']}: {cap['monthly_cap_cents']:g} cents a month"
        for cap in status["user_caps"]
    ]
    return lines


def _write_dashboards(dashboards: list[dict[str, Any]], folder: Path) -> int:
    """One CSV file for each, and `index.json` that says when they were made and which are empty and why."""
    index = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for dashboard in dashboards:
            name = f"{dashboard['name']}.csv"
            (folder / name).write_text(dashboard["csv"], "utf-8", newline="")
            index.append({"file": name, **{key: value for key, value in dashboard.items() if key != "csv"}})
            print(f"{folder / name}: {dashboard['note'] or str(dashboard['rows']) + ' rows'}")
        encoded = msgspec.json.format(msgspec.json.encode(index), indent=2)
        (folder / "index.json").write_bytes(encoded + b"\n")
    except OSError as error:
        raise SsdError("INPUT_VALIDATION_FAILED", f"--out {folder}: {error.strerror}.") from error
    return 0
