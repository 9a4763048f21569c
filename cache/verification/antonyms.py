"""Antonyms and exclusive groups of English words. Which words exclude each other?

Opposites come as pairs, siblings as groups of which a question usually means exactly one.
"""

from typing import Final

_OPPOSITES: Final = """
best worst, good bad, better worse, start stop, begin end, before after, long short, men women,
man woman, male female, boy girl, boys girls, husband wife, father mother, brother sister,
boyfriend girlfriend, guys girls, new old, buy sell, bought sold, gain lose, gain loss, win lose,
safe dangerous, safe unsafe, first last, easy hard, easy difficult, legal illegal, download
upload, increase decrease, increase reduce, maximum minimum, max min, advantages disadvantages,
advantage disadvantage, pros cons, benefits drawbacks, fastest slowest, fast slow, faster slower,
enable disable, enabled disabled, cheap expensive, cheapest costliest, hot cold, install
uninstall, open close, open closed, add remove, add delete, create delete, insert delete, import
export, hire fire, accept reject, accept decline, allow deny, allow forbid, allow block, love
hate, like dislike, like hate, friend enemy, happy sad, rich poor, strong weak, tall short, big
small, large small, largest smallest, biggest smallest, high low, higher lower, highest lowest,
above below, over under, up down, left right, north south, east west, northern southern, eastern
western, early late, earlier later, always never, more less, most least, many few, with without,
true false, right wrong, correct incorrect, possible impossible, positive negative, success
failure, succeed fail, pass fail, push pull, lock unlock, follow unfollow, friend unfriend,
subscribe unsubscribe, encrypt decrypt, encode decode, compress decompress, connect disconnect,
login logout, input output, internal external, public private, introvert extrovert, introverts
extroverts, past future, young old, younger older, lend borrow, give take, send receive, ask
answer, arrive leave, enter exit, inside outside, indoor outdoor, day night, morning evening,
summer winter, hardware software, offline online, dead alive, life death, born died, war peace,
wet dry, thick thin, heavy light, dark light, full empty, front back, top bottom, inner outer,
natural artificial, single married, single dual, vegetarian carnivorous, healthy unhealthy, happy
unhappy, normal abnormal, moral immoral, ethical unethical, fair unfair, visible invisible, known
unknown, able unable, wanted unwanted, paid free, paid unpaid, left joined, upgrade downgrade,
majority minority, odd even, plus minus, multiply divide, import ban, deposit withdraw, credit
debit, asset liability, assets liabilities, freeze melt, expand shrink, rise fall, grow shrink,
loosen tighten, tighten relax, sync async, synchronous asynchronous, client server, buyer seller,
teacher student, parent child, employer employee, landlord tenant, doctor patient, introduce
remove, attack defend, ascending descending, vertical horizontal, absolute relative, active
passive, include exclude, included excluded, employed unemployed, educated uneducated, theist
atheist, liberal conservative, liberals conservatives, left-wing right-wing, democrat republican,
democrats republicans, capitalism socialism
"""

_GROUPS: Final = """
india pakistan china japan germany france italy spain russia canada brazil mexico australia usa uk
england britain ireland scotland america bangladesh nepal iran iraq israel syria turkey egypt
korea vietnam thailand indonesia malaysia singapore philippines sweden norway finland denmark
poland greece portugal netherlands switzerland austria belgium ukraine argentina chile colombia
nigeria kenya africa europe asia dubai |
delhi mumbai bangalore bengaluru chennai hyderabad pune kolkata london paris berlin rome madrid
tokyo beijing shanghai moscow sydney melbourne toronto vancouver chicago boston seattle austin
houston dallas denver miami atlanta jaipur ahmedabad gurgaon noida kerala york california texas
florida |
google facebook apple amazon microsoft netflix ibm oracle samsung intel nvidia amd twitter uber
airbnb linkedin instagram snapchat whatsapp youtube yahoo quora reddit flipkart infosys tcs wipro
accenture cognizant deloitte dell hp lenovo asus sony nokia xiaomi huawei tesla toyota honda bmw
audi |
english german french spanish chinese hindi arabic japanese russian italian korean portuguese
tamil telugu mandarin latin sanskrit urdu bengali marathi punjabi |
indian american british canadian australian pakistani |
python java javascript ruby php rust go c c++ c# swift kotlin scala perl typescript matlab r sql |
android iphone ios windows linux mac macos ubuntu |
mysql postgres postgresql mongodb redis cassandra sqlite oracle |
react angular vue django flask rails spring laravel |
aws azure gcp |
trump clinton obama putin modi sanders bush gandhi hitler nehru kejriwal |
dog cat horse cow rabbit hamster parrot fish snake lion tiger dogs cats horses |
january february march april may june july august september october november december |
monday tuesday wednesday thursday friday saturday sunday |
red blue green yellow black white pink purple orange brown grey |
spring summer autumn winter |
physics chemistry biology mathematics maths math history geography economics accounting |
civil mechanical electrical computer chemical aerospace |
muslim christian hindu jew buddhist sikh muslims christians hindus jews buddhists islam
christianity hinduism judaism buddhism |
mercury venus earth mars jupiter saturn uranus neptune pluto moon sun |
mother father brother sister son daughter uncle aunt wife husband boyfriend girlfriend |
km kilometers kilometres miles meters metres feet inches cm mm |
kg kilograms pounds lbs grams ounces |
usd dollars euros pounds rupees rs inr yen |
celsius fahrenheit kelvin |
seconds minutes hours days weeks months years |
mb gb tb kb
"""


def _opposites() -> dict[str, frozenset[str]]:
    opposites: dict[str, set[str]] = {}
    for pair in " ".join(_OPPOSITES.split()).split(", "):
        left, right = pair.split(" ")
        opposites.setdefault(left, set()).add(right)
        opposites.setdefault(right, set()).add(left)
    return {word: frozenset(others) for word, others in opposites.items()}


ANTONYM_PAIRS: Final = _opposites()
EXCLUSIVE_GROUPS: Final[dict[str, frozenset[int]]] = {
    word: frozenset(at for at, group in enumerate(_GROUPS.split("|")) if word in group.split())
    for word in set(_GROUPS.replace("|", " ").split())
}
