"""Sentence frames: the ways in which people say which variable plays which role, in English and Chinese.

A frame is a pattern whose named groups are slots; the columns mentioned inside a slot get its role.
Slots: y outcome, t treatment, x first regressor and further ones, c controls, z instruments, k cluster,
f fixed effects, w weights, g group, p post period, v variables, e entity, d time. A slot that is open to the
left (its name ends in `_left`) counts only the columns next to the words of the frame; one whose name ends in
`_next` counts only a column that follows at once.
"""

from __future__ import annotations

import re
from typing import Final

_END: Final = r"(?=\s*(?:[.;?!\n]|$|[,:]?\s*\b(?:{stops})\b))"
_STOPS: Final = (
    r"controlling|control(?:s|led)?\s+for|with\s+controls|adjust(?:ing|ed)|hold(?:ing)?|conditional|conditioning|"
    r"accounting|net\s+of|using|use|uses|with|without|via|through|by\s+means|instrument(?:ed|ing|s|al)?|cluster(?:ed|ing|s)?|"
    r"standard\s+errors|weight(?:ed|ing)|fixed[- ]effects|in\s+an?|"
    r"in\s+(?:the|our|these)\s+(?:data|sample|period|united|us\b|u\.s\.|panel)|"
    r"to\s+(?:estimate|identify|measure|study|find|test|see|analy[sz]e|explain|predict)|for\s+the|for\s+all|as\s+(?:the|an?)|"
    r"as\s+(?:instruments?|controls?|covariates|weights?)|while|whether|where|when|among|including|include|given|"
    r"and\s+(?:whether|how|then|also|cluster|control|include|use|add|report|account|adjust|weight\s+by|weight\s+the|instrument|compare|absorb)|"
    r"before\s+and|based\s+on|from|during|if|because|since|i\s+want|we\s+want|differ\w*|over\s+time|please|"
    r"is\s+(?:the|an?)|are\s+(?:the|an?)"
)
_STOP: Final = _END.format(stops=_STOPS)
_CONTROL_STOP: Final = _END.format(
    stops=_STOPS.replace("and\\s+(?:whether", "how|what|does|do|(?:and|is)\\s+(?:whether")
)

_UP: Final = r"(?:up)?on"
_MEASURE: Final = (
    r"(?:the\s+|a\s+)?(?:(?:mean|average|median|typical|expected|predicted|level|distribution|amount|value|change|changes)s?"
    r"\s+(?:of\s+|in\s+)?)?"
)
_AFFECT: Final = (
    r"affects?|affected|influences?|impacts?|raises?|increases?|reduces?|lowers?|decreases?|changes?|drives?|improves?|"
    r"determines?|causes?|boosts?|hurts?|shapes?|explains?|promotes?|matters?\s+for|pays?\s+off\s+in"
)


LONGEST_SLOT: Final = 70
"""Characters a slot may hold; keeps matching linear in the length of the requirement."""


LONGEST_LIST: Final = 160
"""The same for lists of controls, regressors and variables."""
_SLOT_END: Final = re.compile(r"\(\?P<(\w+)>([^()]*?)\+\?\)")


def _frame(pattern: str) -> re.Pattern[str]:
    def bounded(match: re.Match[str]) -> str:
        longest = LONGEST_LIST if match[1] in {"c", "x", "v"} else LONGEST_SLOT
        return f"(?P<{match[1]}>{match[2]}{{1,{longest}}}?)"

    return re.compile(_SLOT_END.sub(bounded, pattern), re.IGNORECASE)


ENGLISH: Final[tuple[re.Pattern[str], ...]] = tuple(
    map(
        _frame,
        (
            # controls
            rf"\b(?:controlling|control|controls|controlled|adjusting|adjust|adjusted|accounting|account|conditioning|conditional)"
            rf"\s+(?:for|on|upon)\s+(?P<c>.+?){_CONTROL_STOP}",
            r"\bholding\s+(?P<c>.+?)\s+(?:constant|fixed|equal)\b",
            rf"\bnet\s+of\s+(?P<c>.+?){_CONTROL_STOP}",
            r"\b(?:with|using|use|include|including|add|adding)\s+(?P<c>[^.;]+?)\s+as\s+(?:the\s+)?(?:additional\s+)?"
            r"(?:controls?|covariates|control\s+variables)\b",
            rf"\b(?:controls|covariates|control\s+variables)\s*(?:are|is|:|=|include|including|such\s+as)\s*(?P<c>.+?){_CONTROL_STOP}",
            rf"\bwith\s+controls\s+for\s+(?P<c>.+?){_CONTROL_STOP}",
            # instruments
            r"\b(?:using|use|with|by)\s+(?P<z>[^.;]+?)\s+as\s+(?:the\s+|an?\s+|its\s+|our\s+|valid\s+|excluded\s+|external\s+)*"
            rf"(?:instruments?|instrumental\s+variables?|ivs?)\b(?:\s+for\s+(?P<t>.+?){_STOP})?",
            rf"\binstrument(?:ed|ing|s)?\s+(?:for\s+)?(?P<t>[^.;,]+?)\s+(?:by|with|using)\s+(?P<z>.+?){_STOP}",
            rf"\b(?P<t_left>[^.;,]+?)\s+(?:is|are|was|being)?\s*instrumented\s+(?:by|with|using)\s+(?P<z>.+?){_STOP}",
            rf"\binstrumented\s+(?:by|with|using)\s+(?P<z>.+?){_STOP}",
            rf"\b(?:instruments?|instrumental\s+variables?)\s*(?:is|are|:|=)\s*(?P<z>.+?){_STOP}",
            r"\b(?P<z_left>[^.;]+?)\s+(?:is|are|as|serves?\s+as)\s+(?:the\s+|an?\s+|valid\s+|good\s+)*(?:instruments?|instrumental"
            rf"\s+variables?)\s+for\s+(?P<t>.+?){_STOP}",
            r"\b(?P<t_left>[^.;,]+?)\s+(?:is|may\s+be|might\s+be|could\s+be)\s+endogenous",
            # clusters
            r"\bcluster(?:ed|ing|s)?\s*(?:the\s+|robust\s+)?(?:standard\s+errors|s\.?e\.?s?\.?|errors)?\s*(?:by|at|on|around|within|:)"
            rf"\s*(?:the\s+)?(?:level\s+of\s+)?(?P<k>.+?)(?:[\s-]level)?{_STOP}",
            r"\b(?P<k_left>[^.;,]+?)[\s-]+(?:level[\s-]+)?cluster(?:ed|ing)\b",
            # fixed effects
            rf"\b(?:fixed[- ]effects?|dummies)\s+(?:for|of|by|at|on)\s+(?:both\s+|each\s+)?(?P<f>.+?){_STOP}",
            r"\b(?P<f_left>[^.;]+?)[\s-]+(?:fixed[- ]effects?|FEs?|dummies)\b",
            rf"\babsorb(?:ing|s|ed)?\s+(?P<f>.+?){_STOP}",
            # weights
            rf"\bweight(?:ed|ing)?\s+(?:\w+\s+)?(?:by|with)\s+(?P<w>.+?){_STOP}",
            r"\b(?:using|use|with)\s+(?P<w>[^.;]+?)\s+as\s+(?:the\s+|an?\s+)?(?:\w+\s+)?weights?\b",
            rf"\bweights?\s*(?:are|is|:|=)\s*(?P<w>.+?){_STOP}",
            # difference-in-differences
            r"\btreat(?:ed|ment)\s+(?:group|units?|variable|indicator|dummy|status)\s*(?:is|are|=|:|given\s+by|identified\s+by|"
            rf"marked\s+by|indicated\s+by)?\s*(?P<g>.+?)(?=\s+and\b|,|{_STOP[3:-1]})",
            r"\b(?P<g_left>[^.;,]+?)\s+(?:is|as|marks|indicates|identifies|denotes|=)\s+(?:the\s+)?treat(?:ed|ment)\s+(?:group|units?|"
            r"indicator|dummy|areas?|states?|homes?|houses?)",
            r"\b(?:post|after)[\s-]*(?:treatment|policy)?[\s-]*(?:period|variable|indicator|dummy)\s*(?:is|are|=|:|given\s+by)?\s*"
            rf"(?P<p>.+?){_STOP}",
            r"\b(?P<p_left>[^.;,]+?)\s+(?:is|as|marks|indicates|identifies|denotes|=)\s+(?:the\s+)?(?:post|after|period\s+after|"
            r"treatment\s+period|policy\s+period|second\s+period|later\s+period)",
            rf"\b(?:before\s+and\s+after|pre\s+and\s+post|after|before\s+versus\s+after)\s+(?P<p>.+?)(?=\s+(?:and|for|in)\b|{_STOP[3:-1]})",
            # outcome and treatment by name
            r"\b(?:dependent\s+variable|outcome(?:\s+variable)?)\s+(?P<y_next>[^.;,]+)",
            r"\b(?:with|using|and|on)\s+(?P<x>[^.;]+?)\s+as\s+(?:the\s+|my\s+|our\s+)?(?:main\s+|key\s+)?(?:independent\s+variables?|"
            r"explanatory\s+variables?|regressors?|predictors?|covariates)\b",
            rf"\b(?:dependent\s+variable|outcome(?:\s+variable)?|response(?:\s+variable)?|y\s+variable)\s*(?:is|:|=)\s*(?P<y>.+?){_STOP}",
            r"\b(?P<y_left>[^.;,]+?)\s+(?:is|as)\s+(?:the\s+|my\s+|our\s+)?(?:dependent\s+variable|outcome|response)\b",
            r"\b(?:(?:main\s+|key\s+)?(?:independent|explanatory)\s+variables?|main\s+regressors?|key\s+regressors?|regressors|predictors)"
            rf"\s*(?:is|are|:|=)\s*(?P<x>.+?){_STOP}",
            # effects
            r"\b(?:effects?|impacts?|influence|influences|consequences?|contribution|role)\s+(?:of|that)\s+(?P<t>.+?)\s+"
            rf"(?:has\s+|have\s+)?(?:{_UP}|for|in)\s+(?P<y>.+?){_STOP}",
            rf"\b(?:returns?)\s+(?:to|of)\s+(?P<t>.+?)(?:\s+(?:on|in|for|{_UP})\s+(?P<y>.+?))?{_STOP}",
            rf"\b(?P<t_left>[^.;]+?)\s+(?:has|have|had)?\s*(?:an?\s+|any\s+|the\s+)?(?:\w+\s+)?(?:effects?|impacts?|influence)\s+{_UP}"
            rf"\s+(?P<y>.+?){_STOP}",
            rf"\b(?P<t_left>[^.;]+?)\s+(?:causally\s+|significantly\s+|really\s+)?(?:{_AFFECT})\s+(?P<y>.+?){_STOP}",
            rf"\b(?P<y_left>[^.;]+?)\s+(?:depends?|depending|depended|regressed)\s+{_UP}\s+(?P<x>.+?){_STOP}",
            r"\b(?P<y_left>[^.;]+?)\s+(?:is|are|was|were|be)\s+(?:affected|influenced|determined|driven|explained)\s+by\s+"
            rf"(?P<x>.+?){_STOP}",
            rf"\b(?P<y_left>[^.;]+?)\s+(?:changes?|var(?:y|ies)|responds?|moves?|rises?|falls?)\s+(?:with|to)\s+(?P<x>.+?){_STOP}",
            rf"\b(?P<t_left>[^.;]+?)\s+(?:associated|related|linked)\s+(?:with|to)\s+(?P<y>.+?){_STOP}",
            rf"\b(?:association|relationship|relation|link|connection)\s+(?:between|of)\s+(?P<t>.+?)\s+(?:and|with)\s+(?P<y>.+?){_STOP}",
            rf"\b(?:probability|likelihood|chances?|odds|risk)\s+(?:ratios?\s+)?(?:of|that)\s+(?P<y>.+?)"
            rf"(?=\s+(?:for|under|given|by|with|when|if)\b|{_STOP[3:-1]})",
            # regressions
            rf"\bregress(?:ing|ion\s+of|es)?\s+(?P<y>[^.;]+?)\s+(?:on|onto|against)\s+(?P<x>.+?){_STOP}",
            r"\b(?:regression|model|logit|probit|poisson|ols|regressions|binomial)\s+(?:of|for)\s+(?P<y>[^.;]+?)\s+"
            rf"(?:on|onto|with|as\s+a\s+function\s+of)\s+(?P<x>.+?){_STOP}",
            rf"\b(?:predict|predicting|explain|explaining|model|modelling|modeling|forecast)\s+(?P<y>[^.;]+?)\s+"
            rf"(?:from|with|using|by|as\s+a\s+function\s+of|on\s+the\s+basis\s+of)\s+(?P<x>.+?){_STOP}",
            rf"\b(?:predict|predicting|explain|explaining|forecast)\s+(?P<y>.+?){_STOP}",
            rf"\b(?P<y_left>[^.;]+?)\s+as\s+a\s+function\s+of\s+(?P<x>.+?){_STOP}",
            r"\b(?:determinants?|drivers?|predictors?|causes|correlates)\s+of\s+(?P<y>.+?)(?=\s*(?:[:(]|such\s+as|like))\s*"
            rf"(?:[:(]|such\s+as|like)\s*(?P<x>.+?){_STOP}",
            rf"\b(?:determinants?|drivers?|predictors?|causes|correlates)\s+of\s+(?P<y>.+?){_STOP}",
            # comparisons
            rf"\b(?:compare|comparing|comparison\s+of)\s+{_MEASURE}(?P<y>.+?)\s+(?:between|across|by|among|over|of|for)\s+"
            rf"(?:the\s+)?(?:groups?\s+(?:of|by|defined\s+by)\s+|levels?\s+of\s+|categories\s+of\s+)?(?P<g>.+?){_STOP}",
            rf"\b(?:differences?|gaps?)\s+(?:in|of)\s+{_MEASURE}(?P<y>.+?)\s+(?:between|across|by|among)\s+(?:the\s+)?"
            rf"(?:groups?\s+(?:of|by|defined\s+by)\s+|levels?\s+of\s+)?(?P<g>.+?){_STOP}",
            rf"\b(?P<y_left>[^.;]+?)\s+(?:is|are|was|were)?\s*(?:\w+ly\s+)?(?:differs?|different|var(?:y|ies)|the\s+same|equal|higher|lower|"
            rf"larger|smaller|greater)\s+(?:between|across|by|among|for|in)\s+(?:the\s+)?(?P<g>.+?){_STOP}",
            rf"\b(?P<g_left>[^.;]+?)\s+(?:differences?|gaps?)\s+in\s+{_MEASURE}(?P<y>.+?){_STOP}",
            rf"\b(?P<g_left>[^.;]+?)\s+differ\s+in\s+(?:their\s+)?{_MEASURE}(?P<y>.+?){_STOP}",
            rf"\bt[- ]?tests?\s+(?:of|on|for)\s+{_MEASURE}(?P<y>.+?)\s+(?:by|between|across)\s+(?P<g>.+?){_STOP}",
            r"\b(?:mean|means|average|averages|summari[sz]e|descriptive\s+statistics|summary\s+statistics|statistics|distribution|describe|"
            rf"tabulate)\s+(?:of|for)?\s*(?P<v>[^.;]+?)\s+(?:by|for\s+each|per|within\s+each|separately\s+(?:by|for)|across)\s+(?P<g>.+?){_STOP}",
            rf"\b(?P<y_left>[^.;]+?)\s+(?:between|across)\s+(?:the\s+)?(?P<g>.+?){_STOP}",
            # descriptions and correlations
            r"\bcorrelat(?:ions?|es?|ed|ing)\s*(?:matrix|coefficients?|analysis)?\s*(?:is\s+)?(?:between|of|among|for|with)?\s+"
            rf"(?P<v>.+?){_STOP}",
            r"\b(?:descriptive\s+statistics|descriptives|summary\s+statistics|summari[sz]e|describe|overview|means|distributions?)\s*"
            rf"(?:of|for|on)?\s+(?P<v>.+?){_STOP}",
            # panel
            r"\b(?P<e_left>[^.;,]+?)\s+(?:is|as|identifies)\s+(?:the\s+)?(?:panel|entity|unit|individual)\s*(?:id\w*|variable|dimension)",
            rf"\b(?:panel|entity|unit)\s*(?:id\w*|variable)\s*(?:is|:|=)\s*(?P<e>.+?)(?=\s+and\b|,|{_STOP[3:-1]})",
            rf"\btime\s*(?:id\w*|variable)\s*(?:is|:|=)\s*(?P<d>.+?){_STOP}",
        ),
    )
)

_ZH_CONTROL_END: Final = (
    r"(?=[。；！？;?\n]|$|[，,]?\s*(?:之?后|的(?:情况|条件|基础|前提)|不变|并|以(?!及)|采用|使用|利用|考察|研究|分析|估计|检验|"
    r"聚类|标准误|在|按|将|其中|双向|用|看|等)|[^，。；、]{0,12}固定效应)"
)
_ZH_SLOT: Final = r"[^。；！？;?\n]+?"
_ZH_WORD: Final = r"[^，,。；！？;?\n]+?"
_ZH_END: Final = r"(?=[，,。；！？;?\n]|$|(?:之间)?是否|有何|有没有|如何|怎样|并|，|的(?:情况|程度|大小))"
_ZH_AFFECT: Final = r"影响|提高|提升|降低|促进|抑制|决定|导致|增加|减少|改善|推动|拉动"

CHINESE: Final[tuple[re.Pattern[str], ...]] = tuple(
    map(
        _frame,
        (
            rf"(?:控制变量|协变量)(?:为|是|包括|包含|有|选取|：|:)(?P<c>{_ZH_SLOT}){_ZH_CONTROL_END}",
            rf"(?:控制|加入|纳入)(?:了|住)?(?!变量)(?P<c>{_ZH_SLOT}){_ZH_CONTROL_END}",
            rf"(?:以|把|将)(?P<c>{_ZH_SLOT})(?:作为|为)控制变量",
            # instruments
            r"(?:以|用|使用|采用|选取|利用|把|将)(?P<z>[^。；，,]+?)(?:作为|为|作|当作|做)(?P<t>[^。；，,]*?)的?(?:有效的?)?(?:工具变量|IV)",
            r"(?P<z_left>[^。；，,]+?)(?:作为|是|为)(?P<t>[^。；，,]*?)的?(?:有效的?)?工具变量",
            r"(?P<t>[^。；，,]*?)的?工具变量(?:为|是|：|:|选用|采用|有)(?P<z>[^。；，,]+)",
            r"(?P<t_left>[^。；，,]+?)(?:可能)?(?:存在内生性|是内生的?|内生)",
            # clusters
            r"聚类(?:稳健)?(?:标准误)?(?:到|在|于|至|按)?(?P<k>[^，。；,]+?)(?:层面|层级|水平|$|[，。；,])",
            r"(?:按|在|以|到)(?P<k>[^，。；,]+?)(?:层面|水平)?(?:上)?(?:进行|做)?聚类",
            r"(?P<k_left>[^，。；,]+?)(?:层面|水平)的?聚类",
            # fixed effects
            r"(?:控制|加入|采用|使用|包含|纳入)(?:了)?(?P<f>[^，。；,]+?)(?:双向|的)?固定效应",
            r"(?P<f_left>[^，。；,]+?)(?:双向|的)?固定效应",
            r"固定效应(?:为|包括|包含|：|:)(?P<f>[^。；]+?)(?=[，。；]|$)",
            # weights
            r"(?:以|用|按|使用)(?P<w>[^，。；,]+?)(?:为|作为|进行)?(?:权重|加权)",
            r"权重(?:变量)?(?:为|是|：|:)(?P<w>[^，。；,]+)",
            # difference-in-differences
            r"(?:处理组|实验组|处理变量|分组变量|政策组)(?:变量|虚拟变量)?(?:为|是|由|：|:)(?P<g>[^，。；,]+)",
            r"(?P<g_left>[^，。；,]+?)(?:表示|为|是|作为|标识)(?:处理组|实验组|政策组)",
            r"(?:政策(?:实施)?(?:后|时点|时间|虚拟变量)|时间虚拟变量|事后|时期变量|处理后|post)(?:变量|时期)?(?:为|是|由|：|:)(?P<p>[^，。；,]+)",
            r"(?P<p_left>[^，。；,]+?)(?:表示|为|是|作为|标识)(?:政策(?:实施)?后|处理后|事后|政策时点|政策时间)",
            # outcome and treatment by name
            rf"(?:被解释变量|因变量|结果变量)(?:为|是|选用|采用|：|:)(?P<y>{_ZH_WORD})(?=[，。；、,]|$)",
            r"(?:以|把|将)(?P<y>[^，。；,]+?)(?:作为|为)(?:被解释变量|因变量|结果变量)",
            rf"(?<!被)(?:核心)?(?:解释变量|自变量)(?:为|是|选用|采用|包括|：|:)(?P<x>{_ZH_SLOT})(?=[，。；]|$)",
            r"(?:以|把|将)(?P<x>[^，。；,]+?)(?:作为|为)(?:核心)?(?<!被)(?:解释变量|自变量)",
            # regressions come before "T 对 Y": their order is the other way round
            rf"(?:将|把|用|以)?(?P<y>[^，。；,]+?)对(?P<x>{_ZH_SLOT})(?:的|做|进行|作|一起|线性|多元|一元|面板|OLS|ols)*回归",
            # effects
            r"(?P<t_left>[^，。；]+?)对(?:于)?(?P<y>[^，。；,]+?)的?(?:因果|显著|净|平均|处理|边际)*(?:影响|作用|效应|效果|冲击|贡献|回报)",
            rf"(?P<y_left>[^，。；,]+?)(?:是否|如何|怎样)?(?:受到?|由)(?P<x>{_ZH_SLOT})(?:的)?(?:影响|决定)",
            r"(?P<y_left>[^，。；,]+?)的(?:影响|决定|驱动)因素(?:(?:有|为|包括|：|:)(?P<x>[^。；]+))?",
            rf"(?:什么|哪些)(?:因素|变量)?(?:{_ZH_AFFECT})(?:了|着)?(?P<y>{_ZH_WORD}){_ZH_END}",
            rf"(?P<y_left>[^，。；,]+?)(?:如何|怎样|是否)?(?:取决于|依赖于|依赖|随着?)(?P<x>{_ZH_SLOT})(?=[。；]|$|变化|而)",
            rf"(?P<t_left>[^，。；]+?)(?:如何|是否|怎样|会不会|能否|能不能|会|能|将)?(?:显著)?(?:{_ZH_AFFECT})(?!因素|关系)(?:了|着)?"
            rf"(?P<y>{_ZH_WORD}){_ZH_END}",
            rf"(?:用|以|根据|通过|利用)(?P<x>[^，。；]+?)(?:来)?(?:预测|解释)(?P<y>{_ZH_WORD}){_ZH_END}",
            rf"(?:预测|解释)(?P<y>{_ZH_WORD}){_ZH_END}",
            r"(?P<t_left>[^，。；,]+?)(?:与|和|同|跟)(?P<y>[^，。；,]+?)(?:之间)?的?(?:关系|关联|联系)",
            # comparisons
            r"(?:不同|各)(?P<g>[^，。；,]+?)(?:之间|间|组|的|上)(?P<y>[^，。；]*?)(?:上|方面)?的?(?:是否)?(?:存在|有)?(?:显著)?的?(?:差异|差别|不同|区别)",
            r"(?P<y_left>[^，。；,]+?)(?:在|按)(?:不同)?(?P<g>[^，。；,]+?)(?:之间|间|组|上|分组)",
            r"(?P<y_left>[^，。；,]+?)的(?P<g>[^，。；,]+?)(?:差异|差距|差别)",
            r"比较(?P<v>[^。；]+)",
            r"(?:按|分)(?:照)?(?P<g>[^，。；,]+?)(?:分组|分别|进行分组|统计|汇总|描述)(?P<v>[^。；]*)",
            # descriptions and correlations
            r"(?P<v>[^。；]+?)(?:之间)?的?(?:相关性|相关系数|相关分析|相关关系|相关矩阵|是否相关)",
            r"(?P<v>[^。；]+?)(?:的|做|进行)(?:\S{0,3})?(?:描述性统计|描述统计|描述性分析|均值|分布|概况|基本情况)",
            r"(?:描述性统计|描述统计|描述|汇总|统计)(?:一下)?(?P<v>[^。；]+)",
            # panel
            r"(?P<e_left>[^，。；,]+?)(?:为|是|作为)(?:个体|面板|截面)(?:变量|标识|维度)?",
            r"(?:个体|截面)(?:变量|标识)(?:为|是|：|:)(?P<e>[^，。；,]+)",
            r"时间(?:变量|标识)(?:为|是|：|:)(?P<d>[^，。；,]+)",
        ),
    )
)
