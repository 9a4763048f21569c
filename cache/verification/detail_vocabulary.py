"""Vocabulary of the detail guard: units, capitonyms, persons, auxiliaries. Which words are exact?

Nothing of it is an input of the trained model: it may grow without new training.
"""

import re
from typing import Final

from observability.grounding.number_words import in_words

_UNIT_WORDS: Final = """
km kilometer kilometers kilometre kilometres | m meter meters metre metres | cm centimeter
centimeters centimetre centimetres | mm millimeter millimeters millimetre millimetres | mile miles
mi | ft foot feet | inch inches zoll | yard yards yd | kg kilo kilos kilogram kilograms | g gram
grams gramm | mg milligram milligrams | µg μg mcg microgram micrograms | t ton tons tonne tonnes |
lb lbs pound-weight | oz ounce ounces | l L liter liters litre litres | ml mL milliliter milliliters
millilitre millilitres | gallon gallons | s sec secs second seconds | ms millisecond milliseconds |
min mins minute minutes | h hr hrs hour hours | day days | week weeks | month months | year years |
% percent percentage prozent pourcent procent procents | ‰ | $ USD dollar dollars | € EUR euro
euros | £ GBP | ¥ JPY yen | ₹ INR rupee rupees rs | °C celsius | °F fahrenheit | K kelvin | am | pm
"""
_UNIT_SYMBOLS: Final = """
M G k Mm W kW MW mW GW Wh kWh MWh Ah mAh b B kb kB Kb KB Mb MB mb Gb GB gb Tb TB Pa pA kPa hPa
MPa mPa A mA V mV kV MV Hz kHz MHz mHz GHz J kJ MJ mJ cal kcal mph km/h Mo Go ko Fuß AWG px pt
rpm dB ° ' " \u2032 \u2033
"""
UNITS: Final[dict[str, str]] = {
    **{unit: unit for unit in _UNIT_SYMBOLS.split()},
    **{
        name: group.split()[0]
        for group in _UNIT_WORDS.split("|")
        for name in group.replace("pound-weight", "").split()
    },
}
"""A unit as it is written behind a number, and the name that stands for all its forms."""

KNOWN_UNITS: Final = frozenset(UNITS.values())
SIGNED_UNITS: Final = frozenset({"%", "‰", "°", "°C", "°F", "'", '"', "\u2032", "\u2033"})
"""Units without which the number means something else."""

_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_TENS: Final = (
    "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
)
_CARDINALS: Final = """
zero - two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_ORDINALS: Final = """
- first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth
"""
NUMBER_WORDS: Final[dict[str, int]] = {
    **{word: value for value, word in enumerate(_CARDINALS.split()) if word != "-"},
    **{word: value for value, word in enumerate(_ORDINALS.split()) if word != "-"},
    **{word: 10 * tens for tens, word in enumerate(_TENS.split(), 2)},
    **{word: 10 * tens for tens, word in enumerate(_ORDINAL_TENS.split(), 2)},
    "hundred": 100,
    "thousand": 1000,
}
"""English numbers in words; `one` is left out: it is mostly a pronoun."""

_FOREIGN_DIGITS: Final = """
zwei drei vier fünf sechs sieben acht neun zehn
deux trois quatre cinq six sept huit neuf dix
dos tres cuatro cinco seis siete ocho nueve diez
due tre quattro cinque sei sette otto nove dieci
dois três quatro cinco seis sete oito nove dez
twee drie vier vijf zes zeven acht negen tien
два три четыре пять шесть семь восемь девять десять
"""
_FOREIGN_ORDINALS: Final = """
zweite dritte vierte fünfte | deuxième troisième quatrième cinquième | segunda tercera cuarta quinta
| второй третий четвёртый пятый
"""
FOREIGN_NUMBERS: Final[dict[str, int]] = {
    **{words: number for number in range(11, 100) for words in in_words(number)},
    **{
        word: number
        for line in _FOREIGN_DIGITS.strip().splitlines()
        for number, word in enumerate(line.split(), 2)
    },
    **{
        word: number
        for group in _FOREIGN_ORDINALS.split("|")
        for number, word in enumerate(group.split(), 2)
    },
}
"""Numbers in words of other languages than English; read in texts of those alone."""

_FOREIGN_NEGATIONS: Final = """
nicht kein keine keinen keinem keiner nie niemals ohne pas jamais sans sin nunca non senza mai niet
geen zonder nooit não sem nem не нет ни без никогда değil ikke inte nie bez nem nu fără ei
"""
FOREIGN_NEGATION: Final = re.compile(
    rf"\b(?:{'|'.join(_FOREIGN_NEGATIONS.split())})\b|(?<!能)不(?!错|同)|没(?!收)|沒|無|(?<![特区个分级])别(?![人的处墅])|ない|ません|なし|않|لا\b|غير\b|ليس|नहीं",
    re.IGNORECASE,
)
"""A negation in another language than English."""

_ACRONYMS: Final = """
us it who or in me am as aids can may are pa pin cat ram sat led cop nap pet spa rip van dos smart
start shield basic adapt
"""
ACRONYMS: Final = frozenset(_ACRONYMS.split())
"""Words in small letters that name something else in capitals."""

_CAPITONYMS: Final = """
polish turkey china march may august job nice reading mobile mercury apple amazon bill mark will
rose go swift rust python java ruby crystal scheme basic dart elixir lent lima cologne
bath cork jordan guinea frank pat sue rob nick jack drew grant cliff dean hunter mason cook baker
violet lily daisy iris olive hazel amber jasmine scotch swede dane catholic titanic sterling oracle
excel word access outlook teams slack zoom square stripe shell gap target discover chase ford
cardinals giants jets bears apache bing opera safari chrome edge windows office word sage nova
dove puma jaguar galaxy pixel surface echo alexa siri hamlet slough hull deal battle wells sandwich
natal pole finn czech slate dutch welsh concord champagne bordeaux lama mole jersey madras
"""
CAPITONYMS: Final = frozenset(_CAPITONYMS.split())
"""Words that are another word with a capital."""

_CODE: Final = """
bash chmod cli curl docker flag grep identifier ls named pressing regex rename shell unix variable
vi vim
"""
CODE_TOPICS: Final = frozenset(_CODE.split())
"""Words of questions in which the case of any word may count."""

_FOREIGN: Final = """
der die das den dem des ein eine einen einem einer ist sind war und oder nicht kein wie was wer wo
wann warum ich du er sie es wir ihr uns man wird kann muss darf soll von nach mit ohne für auf bei
zum zur heißt bedeutet gibt hat haben viel alt
le la les un une du est sont et ou pas que qui quoi quel quelle comment pourquoi je tu il elle nous
vous ils elles de des dans sur avec sans pour veut dire ne ce cela où quand combien font
el los las una es son y o no sí qué quién cómo cuál cuándo dónde por para con sin se significa del
lo gli uno è sono che cosa chi perché di da per non più
os um uma são não como quem quando significa ao
het een van ik niet wat hoe waarom waar met zonder zijn
ne demek nedir bu
"""
_ENGLISH_TOO: Final = "no do was war man die per so la as il van de o a sin alt es uno den"
FOREIGN_WORDS: Final = frozenset(_FOREIGN.split()) - frozenset(_ENGLISH_TOO.split())
"""Function words of other languages than English, and none of English."""

_ARTICLES: Final = """
a an the der die das den dem des ein eine einen einem einer le la les un une l d el los las una il
lo gli i uno o os as um uma de het een
"""
_GROWN_TOGETHER: Final = """
du des au aux del dal dallo dalla della dello delle degli dei al alla allo ai agli do da dos das
no na ao zum zur vom im am ins
"""
CONTRACTED_ARTICLES: Final = frozenset(_GROWN_TOGETHER.split())
"""Articles that have grown together with a preposition."""
ARTICLES: Final = frozenset(_ARTICLES.split())

_BEFORE_SUBJECTS: Final = """
am is are was were be do does did can could may might must shall should will would has have had
"""
AUXILIARIES: Final = frozenset(_BEFORE_SUBJECTS.split())
"""Words that stand before the subject in a question, behind it in a statement."""
FIRST_PERSON: Final = frozenset(
    ["i", "me", "my", "mine", "we", "us", "our", "ours", "myself", "ourselves"]
)
SECOND_PERSON: Final = frozenset({"you", "your", "yours", "yourself"})
MASCULINE: Final = frozenset({"he", "him", "his", "himself"})
FEMININE: Final = frozenset({"she", "her", "hers", "herself"})
THIRD_PERSON: Final = (
    MASCULINE | FEMININE | frozenset(["they", "them", "their", "theirs", "themselves"])
)

MODALITIES: Final[dict[str, str]] = {
    **dict.fromkeys(("can", "could", "may", "might"), "ability"),
    **dict.fromkeys(("must", "need"), "obligation"),
    **dict.fromkeys(("should", "shall", "ought"), "advice"),
    **dict.fromkeys(("will", "would"), "future"),
    **dict.fromkeys(("did", "was", "were", "had"), "past"),
    **dict.fromkeys(("do", "does", "is", "are", "has", "have"), "present"),
}
"""What an auxiliary that begins a question asks after."""
INCOMPATIBLE_MODALITIES: Final = frozenset(
    {
        frozenset(pair)
        for pair in (
            ("ability", "obligation"),
            ("ability", "advice"),
            ("ability", "future"),
            ("obligation", "advice"),
            ("obligation", "present"),
            ("past", "future"),
            ("advice", "future"),
            ("past", "present"),
        )
    }
)

_APART: Final = """
weekday weekend, weekdays weekends, noon midnight, mean median, mode median,
hypertension hypotension, allowed required, permitted required, allowed obliged,
optional mandatory, optional required, voluntary compulsory, allowed forbidden, allowed banned,
morning afternoon, morning evening, morning night, afternoon night,
permitted prohibited, intrastate interstate, boiling freezing, boil freeze, stationary stationery
"""
_EXACT_PAIRS: Final = [pair.split() for pair in " ".join(_APART.split()).split(", ")]
EXACT_OPPOSITES: Final[dict[str, frozenset[str]]] = {
    word: frozenset(other for pair in _EXACT_PAIRS if word in pair for other in pair) - {word}
    for pair in _EXACT_PAIRS
    for word in pair
}
"""Words so alike in form or company that the model takes them for one."""
NEGATING_PREFIXES: Final = (
    *("un", "in", "im", "il", "ir", "dis", "non", "mis", "anti"),
    *("des", "d\u00e9s", "nie", "on"),
)
_REPLACED: Final = """
is was, are were, do did, does did, has had, have had, will did, will does, will is, will was, ist
war, sind waren, hat hatte, est était, sont étaient, es era, es fue, è era, sono erano, é era, são
eram, zijn waren, jest był, jest była, sera était, wird war, all some, all most, every some, every
any, each some, both neither, both either, some no, any no, all no, many few, much little, more
fewer, more less, most least, most fewest, only also, least most, alle manche, alle keine, viele
wenige, mehr weniger, tous certains, plus moins, todos algunos, más menos, tutti alcuni, più meno,
todos alguns, mais menos, alle sommige, meer minder, wszyscy niektórzy, więcej mniej, daha az,
teach learn, lend borrow, buy sell, hire fire, employer employee, mentor mentee, lessor lessee,
landlord tenant, buyer seller, import export, upload download, push pull, send receive, win lose,
enter leave, mieters vermieters, mieter vermieter, käufer verkäufer, may must, can must,
darf muss, kann muss, soll muss, darf soll, peut doit, puede
debe, pode deve, può deve, mag moet, kan moet, and or, und oder, left right, north south, east
west, before after, sein ihr, his her, him her, he she, vor nach, all any, from to, entirely partly,
fully partly, wholly partly, mit ohne, avec sans, con sin, con senza, com sem, met zonder, z bez,
s bez, с без, med utan
"""
_UNSPACED: Final = """
上午/下午 午前/午後 오전/오후 最大/最小 最高/最低 이상/이하 以上/以下 增加/减少
増加/減少 输入/输出 入力/出力 出口/入口 輸入/輸出 进口/出口 他/她 彼/彼女
"""
UNSPACED_OPPOSITES: Final = tuple(tuple(pair.split("/")) for pair in _UNSPACED.split())
"""Opposites of scripts that put no space between words."""
REPLACED: Final[frozenset[frozenset[str]]] = frozenset(
    frozenset(pair.split()) for pair in " ".join(_REPLACED.split()).split(", ")
)
"""Pairs of words one of which, in the other's place, makes of a question another one."""


CONTRACTIONS: Final[dict[str, str]] = {
    "its": "it's",
    "were": "we're",
    "well": "we'll",
    "hell": "he'll",
    "shell": "she'll",
    "ill": "i'll",
    "id": "i'd",
    "wed": "we'd",
    "shed": "she'd",
}
"""Words that the apostrophe alone tells from a contraction."""

ABOUT_WRITING: Final = re.compile(
    r"\b(?:abbreviat|comma|glob\b|pattern|punctu|quot|regex|regular expression|satzzeich"
    r"|stands? for|string|wildcard|zeichen)",
    re.IGNORECASE,
)
"""Words of a question in which the end mark may belong to what is asked after."""

ABOUT_ENCODING: Final = re.compile(
    r"(?<![a-z])(?:characters?\b|char\b|code ?points?\b|unicode|utf|ascii)", re.IGNORECASE
)
"""Words of a question in which a letter and its accent may be one character or two."""
ABOUT_WORDS: Final = re.compile(
    r"(?<![^\W_])(?:spell|letter|syllab|words?\b|writ|pronounc|say\b|said|rhym|translat"
    r"|digit|numeral|mean|stand|short for|acronym|symbol|buchstab|wort|w\u00f6rter|hei\u00dft"
    r"|bedeut|schreib|escri|palabra|signific|mots?\b|lettre|parol|scriv|palavra|escrev|woord|schrijf|s\u0142ow|pisz"
    r"|kelime|yaz|harf|\u0441\u043b\u043e\u0432|\u043f\u0438\u0448)"
    r"|[\u5b57\u8a5e\u8bcd]|\u8aad\u307f|\u610f\u5473|\u610f\u601d|\u0643\u0644\u0645\u0629|\ub2e8\uc5b4|\ub73b",
    re.IGNORECASE,
)
"""Words of a question in which it may matter how a number, a unit or a name is written."""

_COPULA_FORMS: Final = "is ist sind est sont es è sono é são zijn jest są"
COPULAS: Final = frozenset(_COPULA_FORMS.split())
"""In texts of other languages than English: as an English auxiliary, they may change places."""
