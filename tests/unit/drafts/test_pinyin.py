"""Chinese words and columns named by their sound."""

from __future__ import annotations

import pytest

from ssd.drafts.mentions import Lexicon
from ssd.drafts.pinyin import readings
from ssd.inputs.models import DatasetProfile
from tests.unit.drafts.corpus import column


@pytest.mark.parametrize(
    ("word", "spelled"),
    [
        ("工资", "gongzi"), ("收入", "shouru"), ("教育", "jiaoyu"), ("年龄", "nianling"), ("婚姻", "hunyin"),
        ("户口", "hukou"), ("省份", "shengfen"), ("投资", "touzi"), ("出口", "chukou"), ("就业", "jiuye"),
        ("城镇化", "chengzhenhua"), ("绿色", "lvse"), ("创新", "chuangxin"), ("企业", "qiye"), ("人口", "renkou"),
    ],
)  # fmt: skip
def test_readings(word: str, spelled: str) -> None:
    assert spelled in readings(word)


def test_an_unknown_character_has_no_reading() -> None:
    assert readings("饕餮") == ()


def test_a_word_finds_the_column_of_its_sound_and_a_header_in_characters_comes_first() -> None:
    made = DatasetProfile(9, 2, [column("gongzi", "", "number", 9, 0, 1, 9), column("教育", "", "integer", 9, 0, 1, 9)])
    mentions = Lexicon(made).mentions("教育对工资的影响")
    assert [mention.column for mention in mentions] == ["教育", "gongzi"]
    assert mentions[0].score > mentions[1].score
