"""How English sentences say which variable plays which role (see `frames.py` for the slots)."""

from __future__ import annotations

from typing import Final

_END: Final = r"(?=\s*(?:[.;?!\n]|$|[,:]?\s*\b(?:{stops})\b))"
_STOPS: Final = (
    r"controlling|control(?:s|led)?\s+for|with\s+controls|adjust(?:ing|ed)|hold(?:ing)?|conditional|conditioning|"
    r"accounting|net\s+of|using|use|uses|with|without|via|through|by\s+(?:means|propensity|matching|nearest|inverse|ols|iv|2sls|gmm|maximum|an?|the\s+method)|instrument(?:ed|ing|s|al)?|cluster(?:ed|ing|s)?|"
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
    r"determines?|causes?|boosts?|hurts?|shapes?|explains?|promotes?|matters?\s+for|prolongs?|lengthens?|shortens?|extends?|delays?|pays?\s+off\s+in"
)
_AS_INSTRUMENT: Final = (
    r"\s+as\s+(?:the\s+|an?\s+|its\s+|our\s+|valid\s+|excluded\s+|external\s+)*"
    r"(?:instruments?|instrumental\s+variables?|ivs?)\b"
)

ENGLISH: Final[tuple[str, ...]] = (
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
    rf"\b(?:using|use|with|by)\s+(?P<z>[^.;]+?){_AS_INSTRUMENT}\s+for\s+(?P<t>.+?){_STOP}",
    rf"\b(?:using|use|with|by)\s+(?P<z>[^.;]+?){_AS_INSTRUMENT}",
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
    rf"(?<!probability )\bweight(?:ed|ing)?\s+(?:\w+\s+)?(?:by|with)\s+(?P<w>.+?){_STOP}",
    r"\b(?:using|use|with)\s+(?P<w>[^.;]+?)\s+as\s+(?:the\s+|an?\s+)?(?:\w+\s+)?weights?\b",
    rf"\bweights?\s*(?:are|is|:|=)\s*(?P<w>.+?){_STOP}",
    # difference-in-differences
    r"\btreat(?:ed|ment)\s+(?:group|units?|variable|indicator|dummy|status)\s*(?:is|are|=|:|given\s+by|identified\s+by|"
    rf"marked\s+by|indicated\s+by)?\s*(?P<g>[^.;,]+?)(?=\s+and\b|,|{_STOP[3:-1]})",
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
    rf"\b(?:returns?)\s+(?:to|of)\s+(?P<t>.+?)\s+(?:on|in|for|{_UP})\s+(?P<y>.+?){_STOP}",
    rf"\b(?:returns?)\s+(?:to|of)\s+(?P<t>.+?){_STOP}",
    rf"\b(?P<t_left>[^.;]+?)\s+(?:has|have|had)?\s*(?:an?\s+|any\s+|the\s+)?(?:\w+\s+)?(?:effects?|impacts?|influence)\s+{_UP}"
    rf"\s+(?P<y>.+?){_STOP}",
    rf"\b(?P<t_left>[^.;]+?)\s+(?:causally\s+|significantly\s+|really\s+)?(?:{_AFFECT})\s+(?P<y>.+?){_STOP}",
    rf"\b(?P<y_left>[^.;]+?)\s+(?:depends?|depending|depended|regressed)\s+{_UP}\s+(?P<x>.+?){_STOP}",
    r"\b(?P<y_left>[^.;]+?)\s+(?:is|are|was|were|be)\s+(?:affected|influenced|determined|driven|explained)\s+by\s+"
    rf"(?P<x>.+?){_STOP}",
    rf"\b(?P<y_left>[^.;]+?)\s+(?:changes?|var(?:y|ies)|responds?|moves?|rises?|falls?)\s+(?:with|to)\s+(?P<x>.+?){_STOP}",
    rf"\b(?P<t_left>[^.;]+?)\s+(?:associated|related|linked|relates?|relating)\s+(?:with|to)\s+(?P<y>.+?){_STOP}",
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
    rf"\bt[- ]?tests?\s+(?:of|on|for)\s+{_MEASURE}(?P<y_next>.+?)\s+before\b",
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
    # survival, discontinuity, timing of treatment
    r"\b(?:running|forcing|assignment|score|rating)\s+variable\s*(?:is\s|was\s|being\s|:|=)?\s*(?P<r>[^.;,]+)",
    r"\b(?P<r_left>[^.;,]+?)\s+(?:is|as|was|being|serves\s+as)\s+(?:the\s+|an?\s+)?(?:running|forcing|assignment)\s+(?:variable|score)",
    r"\b(?:threshold|cut-?\s?off|discontinuity|jump|kink)\s+(?:of\s+\S+\s+|at\s+\S+\s+)?(?:in|on|for)\s+(?P<r>[^.;,]+?)"
    rf"(?=\s+(?:on|and)\b|{_STOP[3:-1]})",
    r"\b(?:survival\s+time|duration|time\s+to\s+(?:the\s+)?event|analysis\s+time|follow-?\s?up\s+time|failure\s+time|time)\s*"
    r"(?:variable\s*)?(?:is\s|:|=)?\s*(?P<s_next>[^.;,]+)",
    r"\b(?P<s_left>[^.;,]+?)\s+(?:is|as)\s+(?:the\s+)?(?:survival\s+time|failure\s+time|analysis\s+time|follow-?\s?up\s+time|"
    r"event\s+time|duration|time\s+to\s+event|spell)\b",
    r"\b(?:event|failure|death|censoring|status)\s*(?:variable|indicator|dummy|flag)?\s*(?:is\s|:|=)?\s*(?P<o_next>[^.;,]+)",
    r"\b(?P<o_left>[^.;,]+?)\s+(?:is|as|marks|indicates)\s+(?:the\s+|an?\s+)?(?:failure|event|death|censoring)\b",
    r"\b(?:first\s+treated|(?:treatment|adoption)\s+(?:timing|time|date|year|cohort)|adoption|timing|effective\s+(?:year|date)|"
    r"relative\s+to)\s*(?:variable\s*)?(?:in\s|is\s|:|=|given\s+by\s)?\s*(?P<h_next>[^.;,]+)",
    r"\b(?P<h_left>[^.;,]+?)\s+(?:is|as|gives|marks|holds)\s+(?:the\s+)?(?:first\s+)?(?:(?:year|date|time|period|cohort)\s+of\s+(?:first\s+)?"
    r"(?:treatment|adoption|the\s+(?:law|policy|reform))|treatment\s+(?:timing|time|date|year|cohort)|cohort)\b",
    r"\b(?:exposure|offset)\s*(?:variable\s*)?(?:is\s|:|=)?\s*(?P<q_next>[^.;,]+)",
    r"\b(?P<q_left>[^.;,]+?)\s+(?:is|as)\s+(?:the\s+|an?\s+)?(?:exposure|offset)\b",
    # what follows a word at once
    rf"\b(?:controls|covariates|control\s+variables)\s+(?P<c_list>[^.;]+?){_STOP}",
    rf"\b(?:regressors|predictors|independent\s+variables|explanatory\s+variables)\s+(?P<x_list>[^.;]+?){_STOP}",
    r"\bweights\s+(?P<w_next>[^.;,]+)",
    r"\btreatment\s+(?:variable\s+|indicator\s+|dummy\s+)?(?P<t_next>[^.;,]+)",
    # matching
    rf"\bmatch(?:ing|ed|es)?\s+on\s+(?P<c>[^.;]+?){_STOP}",
    rf"\bmatch(?:ing|ed|es)?\s+(?P<t>[^.;]+?)\s+(?:with|to)\s+[^.;,]{{1,40}}\s+on\s+(?P<c>[^.;]+?){_STOP}",
    r"\bcompare\s+(?P<y_next>[^.;,]+)",
    # time series
    r"\b(?:var|vector\s+autoregression|granger[\s-]+causality|cointegration|causality)\s*(?:model|tests?|analysis)?\s*"
    rf"(?:of|for|between|among|with)\s+(?P<v>[^.;]+?)(?=\s+with\s+\d|{_STOP[3:-1]})",
    r"\btest\s+(?P<v>[^.;]+?)\s+for\s+(?:an?\s+)?(?:unit\s+roots?|stationarity)",
    rf"\b(?:unit[\s-]+root|stationarity)\s+(?:tests?\s+)?(?:for|of|in|on)\s+(?P<v>[^.;]+?){_STOP}",
    rf"\b(?:arima|arma|garch|arch|ar)\s*(?:\([^)]{{0,12}}\))?\s*(?:model\s*)?\s+(?:to|of|for|on)\s+(?P<y>[^.;,]+?){_STOP}",
    # other comparisons
    rf"\b(?:anova|analysis\s+of\s+variance|kruskal[\s-]wallis\s+test|wilcoxon\s+test|mann[\s-]whitney\s+test)\s+(?:of|on|for)\s+{_MEASURE}"
    rf"(?P<y>.+?)\s+(?:by|between|across)\s+(?P<g>.+?){_STOP}",
    rf"\bindependence\s+(?:between|of)\s+(?P<y>[^.;]+?)\s+and\s+(?P<g>.+?){_STOP}",
    r"\bbefore\s+and\s+after\s*\(\s*(?P<g_next>[^.;)]+)",
)
