"""Text search over both languages."""

from __future__ import annotations

import pytest

from ssd.templates.library import Library
from ssd.templates.search import TextIndex, tokens


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def test_chinese_becomes_pairs_and_english_words() -> None:
    assert tokens("教育回报 of education") == ["教育", "育回", "回报", "education"]
    assert tokens("effects") == tokens("effect")


def test_rare_words_weigh_more() -> None:
    index = TextIndex({"a": [("common rare", 1.0)], "b": [("common", 1.0)], "c": [("common other", 1.0)]})
    assert next(key for key, _ in index.search("common rare")) == "a"
    assert index.search("nothing like it") == []


@pytest.mark.parametrize(
    ("question", "template_id"),
    [
        ("What is the effect of education on wages, controlling for experience?", "regression.ols"),
        ("教育对工资的影响，控制工作经验", "regression.ols"),
        ("Describe the dataset: means, standard deviations and missing values", "descriptive.overview"),
        ("对数据做描述性统计", "descriptive.overview"),
        ("Which factors make women more likely to work? logistic regression", "limited.logit"),
        ("是否就业的影响因素，用Logit模型估计优势比", "limited.logit"),
        ("two-way fixed effects with firm and year panel data", "panel.fixed_effects"),
        ("省级面板数据双向固定效应", "panel.fixed_effects"),
        ("use father's education as an instrument for education, 2SLS", "causal.iv_2sls"),
        ("用工具变量解决内生性问题", "causal.iv_2sls"),
        ("did the reform change prices? difference-in-differences", "causal.did_2x2"),
        ("用双重差分评估政策效果", "causal.did_2x2"),
        ("number of accidents per ship month, Poisson", "count.poisson_nbreg"),
        ("专利数量的泊松回归", "count.poisson_nbreg"),
        ("compare the mean wage of men and women with a t test", "test.ttest_two_sample"),
        ("男女工资均值差异的t检验", "test.ttest_two_sample"),
        ("correlation matrix of all variables", "descriptive.correlation"),
        ("各变量之间的相关系数", "descriptive.correlation"),
        ("average by region, group statistics", "descriptive.by_group"),
        ("按地区分组统计均值", "descriptive.by_group"),
    ],
)
def test_the_right_template_comes_first(library: Library, question: str, template_id: str) -> None:
    assert library.search(question)[0][0].id == template_id


def test_families_are_found_too(library: Library) -> None:
    assert library.search_families("面板数据固定效应")[0][0].id == "panel_data"
    assert library.search_families("effect of a policy, difference-in-differences")[0][0].id == "causal_inference"
