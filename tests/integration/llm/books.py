"""Whether ledger, reservations and roll-ups tell the same, to the micro-cent."""

from __future__ import annotations

from typing import Any


async def read_books(database) -> dict[str, Any]:
    """Sums of every table that counts money, per tenant, user and month."""
    books: dict[str, Any] = {}
    for name, sql in _SUMS.items():
        books[name] = {tuple(row)[:2]: tuple(row)[2:] for row in await database.all(sql)}
    return books


_SUMS = {
    "ledger": """SELECT tenant_id, user_id, sum(cost), sum(status IN ('success', 'failed')) FROM llm_calls
        GROUP BY 1, 2 HAVING sum(status IN ('success', 'failed', 'pending')) > 0""",
    "monthly": "SELECT tenant_id, user_id, sum(spent), sum(calls) FROM llm_monthly GROUP BY 1, 2 HAVING sum(calls) > 0",
    "hourly": "SELECT tenant_id, user_id, sum(spent), sum(calls) FROM llm_hourly GROUP BY 1, 2",
    "held": """SELECT tenant_id, user_id, sum(amount) FROM llm_reservations WHERE state = 'held' GROUP BY 1, 2""",
    "reserved": "SELECT tenant_id, user_id, sum(reserved) FROM llm_monthly WHERE reserved <> 0 GROUP BY 1, 2",
    "settled": "SELECT tenant_id, user_id, sum(spent) FROM llm_reservations GROUP BY 1, 2",
}


async def require_books_agree(database) -> dict[str, Any]:
    """The sums, after checking that every table agrees with the ledger."""
    books = await read_books(database)
    assert books["monthly"] == books["ledger"]
    assert books["hourly"] == books["ledger"]
    assert books["reserved"] == books["held"]
    spent = {key: value[0] for key, value in books["ledger"].items() if value[0]}
    assert {key: value[0] for key, value in books["settled"].items() if value[0]} == spent
    return books
