"""Redaction: secrets and personal data go, numbers and ordinary words stay."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd.llm.redaction import BLACKED, Redactor

REDACTOR = Redactor(["an odd but configured key"])


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.DEF-123456", "abc.DEF-123456"),
        ("header Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("token ssv1.job_0123.abcDEF-123", "abcDEF-123"),
        ("admin ssa1.t1.abcDEF-123", "abcDEF-123"),
        ("code A1B2C-D3E4F-G5H6J-K7L8M", "A1B2C-D3E4F-G5H6J-K7L8M"),
        ("sk-ant-api03-AbCdEf0123456789", "AbCdEf0123456789"),
        ("密钥是sk-proj-abcdefgh12345678。", "abcdefgh12345678"),
        ("密码：geheim123，请保密", "geheim123"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("ghp_0123456789abcdefghij", "0123456789abcdefghij"),
        ("xoxb-1234567890-abcdef", "1234567890-abcdef"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "SyA0123456789"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("api_key=abc123", "abc123"),
        ("SS_LLM_API_KEY = 'abc 123'", "abc 123"),
        ('{"password": "geheim"}', "geheim"),
        ('{\\"client_secret\\": \\"geheim\\"}', "geheim"),
        ("https://x.test/?access_token=abc123&page=2", "abc123"),
        ("postgres://user:geheim@host/db", "geheim"),
        ("the password: hunter22hunter", "hunter22hunter"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEabc cut off", "MIIEabc"),
        ("/home/alice/data/wage.dta", "alice"),
        ("/Users/bob.smith/x", "bob.smith"),
        (r"C:\Users\carol\Desktop", "carol"),
        ("write to erika@example.org today", "erika"),
        # A number whose check digit fits GB 11643.
        ("身份证110101199003070070的人", "110101199003070070"),
        ("ssn 123-45-6789", "123-45-6789"),
        ("it is an odd but configured key here", "an odd but configured key"),
    ],
)
def test_a_secret_goes(text, secret):
    redacted = REDACTOR.text(text)
    assert secret not in redacted
    assert BLACKED in redacted


@pytest.mark.parametrize(
    "text",
    [
        "regress wage educ exper i.year, vce(cluster id)",
        "b = -0.123456789012345678, p=0.03, N = 12345",
        "110101199003070071 has a check digit that does not fit",
        '{"name": "token", "type": "string"}',
        "the variable token has 12 missing values; tokens=12",
        "学历对工资的影响，控制年龄与性别",
        "2020-01-31 to 2021-12-31",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "see https://example.org/data?page=2",
    ],
)
def test_an_ordinary_text_stays(text):
    assert REDACTOR.text(text) == text


def test_a_json_value_keeps_its_structure():
    value = {"password": "x", "token": 3, "a": ["Bearer abcdef123", 1.5, None, {"note": "/home/eve/x"}]}
    assert REDACTOR.value(value) == {
        "password": BLACKED,
        "token": 3,
        "a": ["Bearer " + BLACKED, 1.5, None, {"note": BLACKED + "/x"}],
    }


@pytest.mark.parametrize(
    "piece",
    ["abc_def-", "a", "a.", "-eyJabcdefgh", "eyJabcdefgh.", "token", "token:", "token: ", "token" + " " * 8, "@", "a@",
     "a@a.", "://a:", "bearer ", "ssv1.a", "-----BEGIN PRIVATE KEY-----", "12345-", "1234567890", "/home/", "C:\\Users",
     "密码是", "sk-", "gh", " "],
)  # fmt: skip
def test_no_text_is_slow(piece):
    text = piece * (200_000 // len(piece))
    begin = time.process_time()
    REDACTOR.text(text)
    assert time.process_time() - begin < 2.0


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text):
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40) | st.integers() | st.floats(allow_nan=False)))
def test_json_stays_json(value):
    assert isinstance(json.loads(REDACTOR.text(json.dumps(value, ensure_ascii=False))), dict)
