"""Words that name the same thing: how people speak of columns that are called otherwise."""

from __future__ import annotations

from typing import Final

CONCEPTS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "wage", "wages", "hourly wage", "hourly wages", "pay", "paid", "hourly pay", "earn", "earns", "earnings",
        "hourly earnings", "salary", "salaries", "工资", "薪资", "薪酬", "时薪", "工资水平", "月工资",
    ),
    ("log wage", "log wages", "lwage", "logwage", "lnwage", "ln_wage", "log earnings", "对数工资", "工资对数"),
    ("income", "incomes", "household income", "inc", "收入", "收入水平"),
    (
        "educ", "education", "schooling", "years of education", "years of schooling", "edu", "grade", "school",
        "教育", "受教育年限", "教育年限", "教育程度", "教育水平", "学历", "受教育程度",
    ),
    (
        "exper", "experience", "work experience", "labor market experience", "ttl_exp", "工作经验", "经验", "工作年限",
        "工龄",
    ),
    ("tenure", "job tenure", "years with employer", "任期", "任职年限"),
    (
        "female", "male", "gender", "sex", "women", "men", "woman", "man", "females", "males", "girls", "boys",
        "gender gap", "性别", "男女", "女性", "男性",
    ),
    ("age", "ages", "年龄"),
    ("married", "marriage", "marital status", "marital", "婚姻", "婚姻状况", "已婚", "婚否"),
    (
        "union", "unions", "unionized", "union membership", "union status", "union members", "union workers",
        "工会", "工会会员", "工会成员",
    ),
    ("race", "black", "ethnicity", "种族"),
    ("hours", "hours worked", "working hours", "work hours", "工时", "工作时间", "工作小时"),
    ("price", "prices", "rprice", "cost", "价格", "房价", "售价"),
    ("log price", "lprice", "log prices", "lrprice", "价格对数", "对数价格", "对数房价"),
    ("mileage", "mpg", "fuel economy", "fuel efficiency", "油耗", "里程"),
    ("weight", "weights", "重量", "车重"),
    ("foreign", "foreign cars", "domestic", "origin", "进口", "国产", "产地"),
    ("gdp", "gross domestic product", "地区生产总值", "国内生产总值", "生产总值"),
    ("year", "years", "yr", "年份", "年度", "年"),
    ("time", "period", "date", "时间", "时期", "日期"),
    ("province", "provinces", "prov", "省份", "省", "省级", "各省", "地区", "省区"),
    ("city", "cities", "城市", "地级市"),
    ("state", "states", "fips", "州"),
    ("region", "regions", "area", "地区", "区域"),
    ("country", "countries", "nation", "国家"),
    ("firm", "firms", "company", "companies", "enterprise", "gvkey", "stkcd", "fcode", "企业", "公司", "股票代码"),
    ("industry", "industries", "sector", "sectors", "行业", "产业"),
    ("individual", "individuals", "person", "persons", "id", "nr", "idcode", "pid", "个体", "个人"),
    ("school", "schools", "学校"),
    ("score", "scores", "test score", "test scores", "testscr", "exam score", "成绩", "考试成绩", "分数"),
    ("class size", "str", "student teacher ratio", "student-teacher ratio", "班级规模", "师生比"),
    ("investment", "invest", "投资"),
    ("market value", "mvalue", "市值", "市场价值"),
    ("capital stock", "kstock", "capital", "资本存量", "资本"),
    ("children", "kids", "number of children", "子女数", "孩子数", "子女数量"),
    (
        "in the labor force", "labor force participation", "labour force participation", "labor force", "inlf",
        "lfp", "works", "劳动参与", "劳动力参与", "参加劳动",
    ),
    ("doctor visits", "docvis", "visits", "number of doctor visits", "visits to the doctor", "看病次数", "就诊次数"),
    ("smoking", "smoke", "smoker", "smokers", "smokes", "吸烟"),
    ("birth weight", "birthweight", "bwt", "bweight", "bwght", "出生体重"),
    ("population", "pop", "人口", "人口数"),
    ("unemployment", "unemployment rate", "unemp", "unem", "失业率", "失业"),
    ("inflation", "inflation rate", "inf", "cpi", "通货膨胀", "通胀率"),
    ("crime", "crmrte", "crime rate", "犯罪率"),
    ("father's education", "fatheduc", "father education", "父亲教育", "父亲受教育年限", "父亲学历"),
    ("mother's education", "motheduc", "mother education", "母亲教育", "母亲受教育年限", "母亲学历"),
    ("sex", "gender", "male", "xingbie", "性别"),
    ("health", "health status", "healthy", "健康", "健康状况", "健康水平"),
    ("consumption", "consump", "spending", "消费", "消费水平", "消费支出"),
    ("export", "exports", "出口", "出口额"),
    ("employment", "employed", "emp", "就业", "是否就业", "就业人数"),
    ("pollution", "污染", "污染排放", "环境污染"),
    ("urbanization", "urbanisation", "城镇化", "城镇化率", "城市化", "城市化率", "城镇化水平"),
    ("hukou", "户口", "户籍"),
    ("sampling weight", "sample weight", "权重", "抽样权重", "权重变量"),
    ("science and technology", "科技", "科技投入", "科技支出"),
    ("grade point average", "gpa", "grades", "平均绩点", "绩点"),
)  # fmt: skip
"""Each row holds the names columns get and the words people use, in English and Chinese."""

LESS_SPECIFIC: Final = frozenset({"地区", "区域", "年", "省", "school", "grade", "works", "men", "man", "cost", "area"})
"""Words that stand for several concepts; a column found only through one of them is less certain."""

PERSON_GROUPS: Final = frozenset(
    {
        "women",
        "men",
        "woman",
        "man",
        "females",
        "males",
        "girls",
        "boys",
        "男女",
        "女性",
        "男性",
        "gender",
        "性别",
        "sex",
    }
)
"""Words for people of one sex: they name the sex column whatever else they mean."""
