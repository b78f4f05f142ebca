"""How task codes look and compare."""

from __future__ import annotations

import re

from ssd.access.codes import fingerprint, new_code


def test_codes_are_readable_and_never_repeat():
    codes = {new_code() for _ in range(2000)}
    assert len(codes) == 2000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){3}", code) for code in codes)


def test_what_one_misreads_does_not_matter():
    assert fingerprint("0O1IL-AAAAA-BBBBB-CCCCC") == fingerprint(" 00111aaaaa bbbbb-ccccc ")
    assert fingerprint("00000-AAAAA-BBBBB-CCCCC") != fingerprint("00000-AAAAA-BBBBB-CCCCD")
