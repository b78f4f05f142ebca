"""Administrators: their accounts, logging in, and their tokens."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from typing import Final

from litestar.types import Scope

from ssd.access import admin_store, admin_tokens, store
from ssd.access.admin_models import Administrator, AdminToken, IssuedAdminToken
from ssd.access.admin_passwords import DECOY, Passwords, new_password
from ssd.db.clock import iso_in, now_iso
from ssd.db.database import Database
from ssd.errors import SsdError

MAX_DAYS: Final = 365
_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_EXPIRED_TOKENS_KEPT_DAYS: Final = 30
_AFTER_EVERY_ID: Final = "\U0010ffff"
_START: Final = "system:start"


def check_username(username: str) -> None:
    """Raises SETTINGS_INVALID for a name with other than letters, digits and `._@-`."""
    if _USERNAME.fullmatch(username) is None:
        raise SsdError("SETTINGS_INVALID", "SS_ADMIN_USERNAME may hold letters, digits and . _ @ - only.")


class Administrators:
    """The accounts of one server; one, unless somebody added rows by hand."""

    def __init__(self, database: Database, *, session_hours: int) -> None:
        self._database = database
        self._session_hours = session_hours
        self._passwords = Passwords()
        self._in_line = asyncio.Event()
        self._in_line.set()

    async def begin(self, *, username: str, password: str | None, may_generate: bool) -> str | None:
        """Bring the accounts in line with the settings; returns a generated password, which is shown this once.

        A configured password makes `username` the only account and ends its sessions if the password is new.
        Without one, the first start makes the account with a generated password if `may_generate`; later starts
        change nothing. Hashing takes a while, so a server does this while it serves already: logins and recognitions
        wait until it is done, and never end when it fails. Raises SETTINGS_INVALID, see `check_username`.
        """
        check_username(username)
        self._in_line.clear()
        generated = await self._bring_in_line(username, password, may_generate=may_generate)
        self._in_line.set()
        return generated

    async def _bring_in_line(self, username: str, password: str | None, *, may_generate: bool) -> str | None:
        if password is not None:
            await self._configure(username, password)
            return None
        if not may_generate or await self._database.one(admin_store.ANY_ACCOUNT) is not None:
            return None
        generated = new_password()
        await self._set(username, await self._passwords.hash(generated), "admin.account_generated")
        return generated

    async def _configure(self, username: str, password: str) -> None:
        row = await self._database.one(admin_store.FIND_ACCOUNT, (username,))
        if row is None or not await self._passwords.matches(password, row["password_hash"]):
            await self._set(username, await self._passwords.hash(password), "admin.account_configured")

        def only_one(connection: sqlite3.Connection) -> None:
            for other in connection.execute(admin_store.OTHER_ACCOUNTS, (username,)).fetchall():
                connection.execute(admin_store.DELETE_TOKENS_OF, (other["username"],))
                connection.execute(admin_store.DELETE_ACCOUNT, (other["username"],))
                store.audit(connection, _START, "admin.account_removed", other["username"], {})

        await self._database.write(only_one)

    async def _set(self, username: str, password_hash: str, action: str) -> None:
        def unit(connection: sqlite3.Connection) -> None:
            parameters = {"username": username, "password_hash": password_hash, "now": now_iso()}
            connection.execute(admin_store.SET_ACCOUNT, parameters)
            connection.execute(admin_store.DELETE_TOKENS_OF, (username,))
            store.audit(connection, _START, action, username, {})

        await self._database.write(unit)

    async def login(self, username: str, password: str) -> IssuedAdminToken:
        """A token for some hours. Raises ADMIN_CREDENTIALS_INVALID, after the same time whatever was wrong."""
        await self._in_line.wait()
        row = await self._database.one(admin_store.FIND_ACCOUNT, (username,))
        good = await self._passwords.matches(password, DECOY if row is None else row["password_hash"])
        if row is None or not good:
            # A name nobody has is not kept: people type passwords into the wrong field.
            subject = "unknown" if row is None else username
            await self._database.write(
                lambda connection: store.audit(connection, "anonymous", "admin.login_refused", subject, {})
            )
            raise SsdError("ADMIN_CREDENTIALS_INVALID")

        def unit(connection: sqlite3.Connection) -> IssuedAdminToken:
            long_ago = iso_in(days=-_EXPIRED_TOKENS_KEPT_DAYS)
            connection.execute(admin_store.DROP_LONG_EXPIRED, (username, long_ago))
            expires_at = iso_in(hours=self._session_hours)
            issued = admin_tokens.issue(connection, username=username, name="login", expires_at=expires_at)
            store.audit(connection, f"admin:{username}", "admin.login", issued.token_id, {"expires_at": expires_at})
            return issued

        return await self._database.write(unit)

    async def recognize(self, scope: Scope) -> Administrator:
        """Whose token a request carries.

        Raises ADMIN_BEARER_TOKEN_MISSING, ADMIN_BEARER_TOKEN_INVALID, or ADMIN_TOKEN_INVALID when the token is
        unknown, expired or revoked.
        """
        presented = admin_tokens.presented_in(scope)
        await self._in_line.wait()
        row = await self._database.one(admin_store.FIND_TOKEN, (presented.token_id,))
        if row is None or not presented.fits(row["secret_hash"]):
            raise SsdError("ADMIN_TOKEN_INVALID")
        if row["revoked_at"] is not None or row["expires_at"] <= now_iso():
            raise SsdError("ADMIN_TOKEN_INVALID", "The administrator's token has expired or was revoked.")
        return Administrator(row["username"], row["token_id"])

    async def issue_token(self, by: Administrator, *, name: str, expires_in_days: int) -> IssuedAdminToken:
        """A named token for a program; `expires_in_days` is 1 to 365, checked by the wire type."""

        def unit(connection: sqlite3.Connection) -> IssuedAdminToken:
            expires_at = iso_in(days=expires_in_days)
            issued = admin_tokens.issue(connection, username=by.username, name=name, expires_at=expires_at)
            details = {"name": name, "expires_at": expires_at}
            store.audit(connection, by.actor, "admin_tokens.issue", issued.token_id, details)
            return issued

        return await self._database.write(unit)

    async def tokens(self, *, before: str | None, limit: int) -> list[AdminToken]:
        """Up to `limit` tokens, newest first, those issued before the token `before` only."""
        parameters = {"before": before or _AFTER_EVERY_ID, "limit": limit}
        return [admin_store.token_of(row) for row in await self._database.all(admin_store.LIST_TOKENS, parameters)]

    async def revoke_token(self, token_id: str, *, by: Administrator) -> AdminToken:
        """Make a token useless; twice changes nothing. Raises ADMIN_TOKEN_NOT_FOUND."""

        def unit(connection: sqlite3.Connection) -> AdminToken:
            _require_token(connection, token_id)
            connection.execute(admin_store.REVOKE_TOKEN, (now_iso(), token_id))
            store.audit(connection, by.actor, "admin_tokens.revoke", token_id, {})
            return _require_token(connection, token_id)

        return await self._database.write(unit)

    async def delete_token(self, token_id: str, *, by: Administrator) -> None:
        """Remove a token; the audit log keeps that it was there. Raises ADMIN_TOKEN_NOT_FOUND."""

        def unit(connection: sqlite3.Connection) -> None:
            token = _require_token(connection, token_id)
            connection.execute(admin_store.DELETE_TOKEN, (token_id,))
            store.audit(connection, by.actor, "admin_tokens.delete", token_id, {"name": token.name})

        await self._database.write(unit)


def _require_token(connection: sqlite3.Connection, token_id: str) -> AdminToken:
    token = admin_store.find_token(connection, token_id)
    if token is None:
        raise SsdError("ADMIN_TOKEN_NOT_FOUND")
    return token
