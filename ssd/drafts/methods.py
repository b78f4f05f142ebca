"""Methods by name: the words people use for them, the design they belong to, and how they are called."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ssd.drafts.language import Language


class Method(msgspec.Struct, frozen=True):
    """A method within a design; `templates` are words of which one stands in the id, title or tags of a template
    that makes it (empty: every template of the design does)."""

    id: str
    design: str
    pattern: re.Pattern[str]
    names: dict[Language, str]
    templates: tuple[str, ...] = ()


def _method(id_: str, design: str, english: str, chinese: str, pattern: str, *templates: str) -> Method:
    return Method(id_, design, re.compile(pattern, re.IGNORECASE), {"en": english, "zh": chinese}, templates)


METHODS: Final[tuple[Method, ...]] = (
    # tests that are named by words other designs use too
    _method("paired_t", "test", "a paired t test", "配对t检验",
        r"\bpaired[\s-]+(?:samples?\s+)?t[\s-]*tests?|\bpaired\s+comparison"
        r"|配对(?:样本)?(?:t|T)?检验", "paired", "配对"),
    _method("anova", "test", "an analysis of variance", "方差分析",
        r"\banova\b|analysis\s+of\s+variance|方差分析", "anova", "oneway", "方差分析"),
    _method("chi_squared", "test", "a chi-squared test of independence", "卡方独立性检验",
        r"\bchi[\s-]*squared?\b|\bchi2\b|卡方|χ2|χ²", "chi-square", "chi-squared", "chi2", "卡方"),
    _method("rank_sum", "test", "a rank-sum test", "秩和检验",
        r"\bmann[\s-]+whitney|\brank[\s-]*sum\b|\bwilcoxon\b|秩和检验|曼-?惠特尼|符号秩", "mann", "whitney", "ranksum",
        "wilcoxon"),
    _method("kruskal_wallis", "test", "a Kruskal-Wallis test", "Kruskal-Wallis 检验", r"\bkruskal", "kruskal"),
    # causal designs
    _method("fuzzy_rdd", "rdd", "a fuzzy regression discontinuity design", "模糊断点回归",
        r"\bfuzzy\s+(?:regression\s+discontinuity|rd)|模糊断点", "fuzzy", "模糊"),
    _method("rdd", "rdd", "a regression discontinuity design", "断点回归",
        r"regression[\s-]+discontinuity|\brdd?\s+(?:estimat|design|plot|analysis|regression)|\brdd\b|断点回归|断点设计"
        r"|\b(?:running|forcing)\s+variable\b|(?:驱动|运行|分配|配置)变量"),
    _method("ipw", "matching", "inverse probability weighting", "逆概率加权",
        r"\binverse[\s-]+probability[\s-]+weight|\bIPW\w*\b|逆概率加权", "ipw", "inverse probability", "逆概率"),
    _method("psm", "matching", "propensity-score matching", "倾向得分匹配",
        r"propensity[\s-]+score|\bPSM\b(?!\s*-?\s*DID)|倾向得分|(?-i:PSM)", "psm", "propensity", "倾向得分"),
    _method("matching", "matching", "a matching estimator", "匹配法",
        r"nearest[\s-]+neighbou?r|entropy\s+balancing|coarsened\s+exact"
        r"|mahalanobis|\bmatching\s+(?:on|estimator)|匹配法|近邻匹配"
        r"|熵平衡|\baverage\s+treatment\s+effects?\b|平均处理效应"),
    _method("triple_difference", "did", "a triple-difference regression", "三重差分",
        r"triple[\s-]+diff|\bDDD\b|三重差分", "triple", "三重"),
    _method("event_study", "did", "an event-study regression", "事件研究法",
        r"\bevent[\s-]+stud(?:y|ies)\b|\bleads\s+and\s+lags\b"
        r"|\bdynamic\s+(?:treatment\s+)?effects?\s+of\b|事件研究|平行趋势",
        "event study", "event_study", "event-study", "事件研究"),
    _method("staggered_did", "did", "a difference-in-differences with staggered adoption", "多期（渐进）双重差分",
        r"\bstaggered\b|多期(?:双重差分|DID)|渐进(?:式)?(?:双重差分|DID)|多时点(?:双重差分|DID)|交错(?:双重差分|DID)",
        "staggered", "多期", "渐进", "event_study"),
    _method("synthetic_control", "did", "the synthetic control method", "合成控制法",
        r"\bsynthetic\s+controls?\b|合成控制", "synthetic", "合成控制"),
    # survival
    _method("kaplan_meier", "survival", "Kaplan-Meier survival curves", "Kaplan-Meier 生存曲线",
        r"kaplan[\s-]*meier|\bKM\s+curves?|生存曲线", "kaplan", "kaplan_meier"),
    _method("log_rank", "survival", "a log-rank test", "log-rank 检验", r"log[\s-]*rank|对数秩", "log-rank", "logrank",
        "log_rank"),
    _method("cox", "survival", "a Cox proportional-hazards regression", "Cox 比例风险回归",
        r"\bcox\b|cox(?=[回比模])|proportional[\s-]+hazards?|比例风险", "cox"),
    _method("parametric_survival", "survival", "a parametric survival model", "参数生存模型",
        r"\bweibull\b|\baccelerated\s+failure|威布尔", "weibull", "parametric"),
    _method("survival", "survival", "a survival analysis", "生存分析",
        r"\bsurvival\b(?!\s+rate)|\bhazard\b|time\s+to\s+event|生存分析|风险比|生存时间"),
    # time series, before the words for panels and regressions that occur in them
    _method("unit_root", "timeseries", "a unit-root test", "单位根检验",
        r"\bunit[\s-]+roots?\b|\bdickey[\s-]+fuller|\bADF\b|\bstationar(?:y"
        r"|ity)\b|单位根|平稳性", "unit root", "unit_root",
        "单位根"),
    _method("cointegration", "timeseries", "a cointegration analysis", "协整分析", r"cointegrat|协整", "cointegration",
        "vecm", "协整"),
    _method("granger", "timeseries", "a Granger-causality test", "格兰杰因果检验",
        r"\bgranger\b|格兰杰", "granger", "var"),
    _method("var", "timeseries", "a vector autoregression", "向量自回归（VAR）",
        r"(?-i:\bVAR\b)|\bvector\s+autoregress|向量自回归|(?-i:VAR)(?=模型)", "var", "vector autoregression"),
    _method("garch", "timeseries", "a GARCH model", "GARCH 模型", r"\bg?arch\b", "garch"),
    _method("arima", "timeseries", "an ARIMA model", "ARIMA 模型", r"\bs?arima\b|\barma\b|ARIMA", "arima"),
    _method("time_series", "timeseries", "a time-series model", "时间序列模型",
        r"\btime[\s-]+series\s+(?:model|regression|analysis)|时间序列"),
    # censored and selected outcomes
    _method("heckman", "discrete", "a Heckman selection model", "Heckman 选择模型",
        r"\bheckman\b|\bheckit\b|\bsample[\s-]+selection\s+model|样本选择模型|赫克曼", "heckman"),
    _method("tobit", "discrete", "a tobit regression", "Tobit 回归", r"\btobit\b|tobit", "tobit"),
    _method("did", "did", "a difference-in-differences regression", "双重差分（DID）回归",
        r"diff(?:erence)?s?[\s-]*in[\s-]*diff(?:erence)?s?"
        r"|\bDID\b(?=[\s-]+(?:estimat|design|model|analys|regress|approach|with))"
        r"|(?-i:\b(?:DID|DiD)\b)|double[\s-]differenc"
        r"|before\s+and\s+after|pre\s+and\s+post|双重差分|倍差法?|政策前后|前后对比|(?-i:DID)"),
    _method("iv", "iv", "an instrumental-variable regression (2SLS)", "工具变量回归（2SLS）",
        r"\binstrument(?:s|ed|ing|al)?\b|\b2sls\b|two[\s-]stage\s+least|\bIV\b|ivregress|工具变量|两阶段最小二乘|内生性"
        r"|\bendogenous\b"),
    _method("dynamic_panel", "panel", "a dynamic panel model (GMM)", "动态面板（GMM）",
        r"\b(?:system|difference)[\s-]+gmm\b|arellano|blundell|\bdynamic\s+panel|系统GMM|差分GMM|动态面板", "gmm",
        "xtabond", "动态面板"),
    _method("random_effects", "panel", "a random-effects panel regression", "随机效应面板回归",
        r"random[\s-]effects?|随机效应", "random effects", "random_effects", "随机效应"),
    _method("hausman", "panel", "a Hausman test of fixed against random effects", "豪斯曼检验", r"\bhausman\b|豪斯曼",
        "hausman", "豪斯曼"),
    _method("fixed_effects", "panel", "a panel regression with fixed effects", "面板固定效应回归",
        r"fixed[\s-]effects?|\bwithin[\s-]estimator|\bTWFE\b|\bxtreg\b|\bxtset\b"
        r"|panel\s+(?:regression|model|fe|data\s+model)"
        r"|固定效应|面板(?:回归|模型|数据模型)|(?-i:\bFE\b)"),
    # outcomes that are no plain number
    _method("zero_inflated", "count", "a zero-inflated count regression", "零膨胀计数回归",
        r"zero[\s-]*inflated|\bzinb\b|\bzip\s+model|零膨胀", "zero-inflated", "zip", "zinb", "零膨胀"),
    _method("negative_binomial", "count", "a negative binomial regression", "负二项回归",
        r"negative\s+binomial|\bnbreg\b|负二项", "negative binomial", "nbreg", "负二项"),
    _method("poisson", "count", "a Poisson regression", "泊松回归", r"\bpoisson\b|泊松", "poisson", "泊松"),
    _method("count", "count", "a count regression (Poisson, negative binomial)", "计数回归（泊松与负二项）",
        r"count\s+(?:data|model|outcome|regression|variable)|计数"),
    _method("ordered_probit", "discrete", "an ordered probit regression", "有序 probit 回归",
        r"\b(?:ordered|ordinal)\s+probit|\boprobit\b|有序\s*probit", "ordered probit", "oprobit", "有序probit"),
    _method("ordered_logit", "discrete", "an ordered logit regression", "有序 logit 回归",
        r"\b(?:ordered|ordinal)\s+(?:logi|regression|choice|outcome)|\bologit\b"
        r"|proportional\s+odds|有序\s*(?:logi|回归|选择)",
        "ordered logit", "ologit", "有序logit", "ordered_logit"),
    _method("multinomial_logit", "discrete", "a multinomial logit regression", "多项 logit 回归",
        r"\bmultinomial\b|\bmlogit\b|多项\s*(?:logi|选择|probit)|多分类\s*logi"
        r"|无序多分类", "multinomial", "mlogit", "多项"),
    _method("conditional_logit", "discrete", "a conditional logit regression", "条件 logit 回归",
        r"\bconditional\s+logi|\bclogit\b|条件\s*logi", "conditional", "clogit"),
    _method("probit", "discrete", "a probit regression", "probit 回归", r"\bprobit\b(?!\s+or\s+logit)|probit(?=[模回])",
        "probit"),
    _method("logit", "discrete", "a logit regression for a yes/no outcome", "二元结果的 logit 回归",
        r"\blogit\b|\blogistic\b|odds\s+ratios?|\bodds\b|logit|逻辑回归|逻辑斯|胜算比|优势比", "logit", "logistic"),
    _method("binary_choice", "discrete", "a logit regression for a yes/no outcome", "二元结果的 logit 回归",
        r"binary\s+(?:choice|outcome|model|response)|二元(?:选择|结果|因变量)"),
    _method("quantile", "ols", "a quantile regression", "分位数回归",
        r"\bquantile\s+regress|\bmedian\s+regression|分位数回归",
        "quantile", "分位数"),
    _method("ols", "ols", "a linear regression (OLS)", "线性回归（OLS）",
        r"\bols\b|least\s+squares|linear\s+(?:regression|model|probability)"
        r"|\bregress(?:ing|es|ed)?\b|\blpm\b|OLS|最小二乘|线性回归"
        r"|多元回归|线性概率"),
)  # fmt: skip
"""In the order in which they win when several are named: the most demanding first."""

CLASS_OUTCOMES: Final = frozenset(
    {"multinomial_logit", "ordered_logit", "ordered_probit", "conditional_logit", "chi_squared"}
)
"""Methods whose outcome may be text: classes or ranks."""

_BY_ID: Final = {method.id: method for method in METHODS}


def method_of(id_: str | None) -> Method | None:
    return _BY_ID.get(id_) if id_ else None


def named_method(text: str) -> tuple[Method, str] | None:
    """The method the text names, with the words that name it."""
    for method in METHODS:
        match = method.pattern.search(text)
        if match:
            return method, match.group().strip()
    return None
