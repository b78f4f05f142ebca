"""Naming every bad field of a body."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ssd.ops.bad_fields import check_fields


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=3)]
    inner: list[Inner]
    limit: Annotated[int, msgspec.Meta(ge=1)] = 1


class Open(msgspec.Struct):
    name: str


def test_a_good_body_has_no_bad_fields():
    assert check_fields(Body, {"name": "abc", "inner": [{"size": 1}]}) == ()


def test_every_bad_field_is_named_with_its_path():
    bad = check_fields(Body, {"name": "long", "inner": [{"size": 1}, {"size": "x"}], "limit": 0, "other": 1})
    assert [error.field for error in bad] == ["name", "inner[1].size", "limit", "other"]
    assert "3" in bad[0].message
    assert bad[3].value_hint == "name, inner, limit"


def test_missing_fields_are_named():
    assert [error.field for error in check_fields(Body, {})] == ["name", "inner"]


def test_unknown_fields_pass_where_the_struct_lets_them():
    assert check_fields(Open, {"name": "x", "other": 1}) == ()
