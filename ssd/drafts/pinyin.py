"""Chinese words in Latin letters, for columns that are named by their sound (gongzi for 工资).

A compact table of the characters that occur in names of economic and survey variables; the full dictionaries
hold every character but cost tens of megabytes in a server process. A word with a character outside the table
has no transliteration and is then found by its synonyms only.
"""

from __future__ import annotations

from typing import Final

_TABLE: Final = (
    "an案安 ban办版 bao保报暴 bei倍备被 ben本 bi比毕笔 bian变便编 biao标表 bing病并 bo波 bu补部不布 cai财采才材 "
    "can参 ce策测 chan产 chang长场常厂 che车 cheng城成程承 chi持 chong重虫 chou抽 chu出处初储除 chuang创 ci次 "
    "cu促 cun村存 da大 dai贷代带待 dan单担 dang党 dao到道导 de的得 deng等登 di地第低 dian点电 die爹 ding定 "
    "dong动东 dou都 du度读独 duan段断短 dui对队 duo多 e额 er儿二 fa法发罚 fan范犯 fang房方 fei费非 fen分份 feng风 "
    "fu父付负富夫服府福附 gai改盖 gan感干 gang港 gao高 ge个各 gei给 gen根 geng更 gong工公供共功 gou购构 gu股固估 "
    "gua挂 guan关管馆 guang广 gui规贵 guo国过 hai海害 han含寒 hang行航 hao好耗号 he合河和 hei黑 hong红洪 hou后 "
    "hu户护互 hua化花华 huai坏 huan环换还 hui会回汇 hun婚 huo活货获 ji基机级计技季集积绩价记既 jia家加架 "
    "jian健件建间监减检 jiang奖江降 jiao教交角 jie结接节 jin金进近 jing经境竞净 jiu就究旧 ju居局 ju据 jue决 jun均 "
    "kai开 kang康 ke科可客 kong空控 kou口扣 ku库 kuai快会 kuang矿况 kui亏 lai来 lao劳老 le乐 lei类 li力利里历离立 "
    "lian联年 liang量粮两 lie列 lin林邻 ling零龄领 liu流 lou楼 lu率路录 luan乱 lun论 luo落 lv率绿律 ma马 mai卖买 "
    "mao贸毛 mei每煤 men门 mi密米 mian面免 miao苗 min民敏 ming名明 mo模末 mu母目木 nan男南难 nei内 neng能 ni逆 "
    "nian年 niang娘 nong农 nv女 pai排 pei配培 pi批 pin贫品频 ping平评 po破 pu普 qi期企气汽其 qian钱前 qiang强 "
    "qin亲 qing情青 qiu求 qu区去趋 quan权全 que缺 qun群 ren人任 rong融容 ru入 ruan软 san三 sao扫 se色 shan山 "
    "shang商上 she社设 shen身审 sheng省生升 shi市实是时失事食世始收师视使 shou收受手寿 shu数书输属 shui税水 "
    "shuo说 si死四私 sou搜 su素速 sui岁碎随 sun损 suo所 tan碳探 tao套 te特 ti体提 tian天田 tiao条 tie铁 "
    "tong通同统 tou投 tu土图 tui退推 wai外 wan完晚 wang网往 wei为位卫未 wen文问 wo我 wu务物污无 xi系息西习 xia下 "
    "xian县险限现 xiang乡项向 xiao消校效小销 xie协 xin信新心薪 xing性行型兴 xiong兄 xiu休修 xu需续 xue学 xun训 "
    "ya压 yan研烟严 yang养样 yao药要 ye业 yi医移意一 yin银因姻 ying营英影 yong用拥 you有友优 yu育语预余 "
    "yuan元员源 yue月 yun运 za杂 zai在债 zan赞 zao造 ze责 zeng增 zhai债 zhan占战 zhang涨章 zhao招 zhe者 zhen镇 "
    "zheng政正证 zhi职值支指制治质 zhong中种重 zhou州周 zhu住主 zhuan专转 zhuang状装 zhun准 zi资子自 zong总 "
    "zu族组 zui最 zuo作 zhai宅 zhou洲 dao岛 chu厨 ran染 re热 xiu秀 zai灾 yao遥 cai菜 qiao桥 ge革 fu妇 nv女 jiu酒 "
    "bo博 shuo硕 xi吸 huan患 zhang丈 qi妻 ying婴 tong童 qin勤 wei威 pei赔 zhen诊 liao疗 bao报 jia价 ji疾际 xue血 "
    "tang糖 ya牙 gu骨"
)


def _read(table: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in table.split():
        syllable = entry.rstrip("".join(c for c in entry if not c.isascii()))
        for character in entry[len(syllable) :]:
            known = found.get(character, ())
            found[character] = known if syllable in known else (*known, syllable)
    return found


_SYLLABLES: Final = _read(_TABLE)
_MOST_READINGS: Final = 4


def readings(word: str) -> tuple[str, ...]:
    """How a Chinese word may be written in Latin letters, without blanks; () when a character is not known."""
    spelled: tuple[str, ...] = ("",)
    for character in word:
        syllables = _SYLLABLES.get(character)
        if syllables is None:
            return ()
        spelled = tuple(start + syllable for start in spelled for syllable in syllables)[:_MOST_READINGS]
    return spelled
