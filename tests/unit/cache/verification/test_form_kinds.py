"""Kinds of form in twelve languages: what may stand around a question, or be written otherwise."""
# ruff: noqa: RUF001 - questions in their own scripts

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.verification.accept import FORM_SCORE, with_form
from cache.verification.detail_guard import objections
from cache.verification.question_form import is_same_form
from cache.wording.courtesy import without_courtesy

QUESTIONS = {
    "en": ("How do tides form?", "What is a bridge loan?"),
    "de": ("Wie entstehen Gezeiten?", "Was ist ein Dauerauftrag?"),
    "fr": ("Comment naissent les marées ?", "Pourquoi le ciel est-il bleu ?"),
    "es": ("¿Cómo se forman las mareas?", "¿Por qué el cielo es azul?"),
    "it": ("Come si formano le maree?", "Perché il cielo è blu?"),
    "pt": ("Como se formam as marés?", "Por que o céu é azul?"),
    "nl": ("Hoe ontstaan getijden?", "Wat is een hypotheek?"),
    "pl": ("Jak powstają pływy?", "Dlaczego niebo jest niebieskie?"),
    "tr": ("Gelgit nasıl oluşur?", "Gökyüzü neden mavi?"),
    "ja": ("潮の満ち引きはなぜ起こりますか？", "空はなぜ青いのですか？"),
    "zh": ("潮汐是怎么形成的？", "鸡蛋要煮多久？"),
    "ar": ("كيف يحدث المد والجزر؟", "لماذا السماء زرقاء؟"),
}
GREETINGS = {
    "en": ("Hi, ", "Good morning! ", "Hiya, ", "Hey ChatGPT, ", "Hello,\n"),
    "de": ("Hallo, ", "Servus, ", "Grüß Gott, ", "Hallo zusammen, "),
    "fr": ("Bonjour, ", "Coucou, ", "Bonjour à tous, "),
    "es": ("Hola, ", "Buenas, ", "Buenos días, "),
    "it": ("Ciao, ", "Buonasera, ", "Ehi, "),
    "pt": ("Olá, ", "Bom dia, ", "E aí, "),
    "nl": ("Hoi, ", "Goedendag, ", "Hé, "),
    "pl": ("Cześć, ", "Siema, ", "Witam, "),
    "tr": ("Merhaba, ", "Merhabalar, ", "İyi günler, "),
    "ja": ("こんにちは。", "こんばんは。", "お疲れ様です。"),
    "zh": ("你好，", "嗨，", "早上好，"),
    "ar": ("مرحبا، ", "مرحبًا، ", "السلام عليكم ورحمة الله، "),
}
THANKS = {
    "en": (" Thanks!", " Thanks a bunch", " Cheers", " TIA"),
    "de": (" Danke!", " Danke dir!", " LG", " Vielen Dank im Voraus"),
    "fr": (" Merci !", " Merci bien", " Merci d'avance"),
    "es": (" ¡Gracias!", " Mil gracias", " Gracias de antemano"),
    "it": (" Grazie!", " Grazie mille"),
    "pt": (" Obrigada!", " Valeu!"),
    "nl": (" Dank je!", " Bedankt hoor"),
    "pl": (" Dziękuję!", " Dzięki wielkie!"),
    "tr": (" Teşekkürler!", " Sağ ol"),
    "ja": ("ありがとうございます。", "よろしくお願いします。"),
    "zh": ("谢谢！", "多谢"),
    "ar": (" شكرا", " شكراً جزيلاً", " من فضلك"),
}
SAME_WRITTEN_OTHERWISE = [
    ("What is **photosynthesis**?", "What is photosynthesis?"),
    ("## How do magnets work?", "How do magnets work?"),
    ("ＵＳＢとは何ですか？", "USBとは何ですか？"),
    ("ﾊﾟｿｺﾝの選び方を教えて", "パソコンの選び方を教えて"),
    ("「縁」とはどういう意味ですか？", "『縁』とはどういう意味ですか？"),
    ("Comment cuire un œuf ?", "Comment cuire un oeuf ?"),
    ("What is half of ½ cup?", "What is half of 1/2 cup?"),
    ("What is the capital of the U.S.A.?", "What is the capital of the USA?"),
    ("How do I write a polite e-mail?", "How do I write a polite email?"),
    ("What is long-term memory?", "What is long term memory?"),
    ("What happened on 4 July 1776?", "What happened on July 4th, 1776?"),
    ("Was geschah am 9. November 1989?", "Was geschah am 09.11.1989?"),
    ("How much is $5 in cents?", "How much is 5 dollars in cents?"),
    ("Schreib bitte ein Haiku über Regen.", "Schreib ein Haiku über Regen."),
    ("Write a haiku about rain, please.", "Write a haiku about rain."),
    ("how do i boil an egg thx", "how do i boil an egg"),
    ("Q: How do magnets work?", "How do magnets work?"),
    ("Como funciona a fotossintese?", "Como funciona a fotossíntese?"),
    ("Cual es la capital de Peru?", "¿Cuál es la capital de Perú?"),
    ("Jak suszyc grzyby?", "Jak suszyć grzyby?"),
    ("O que e uma nota fiscal?", "O que é uma nota fiscal?"),
    ("Was versteht man unter einem Storno?", "was versteht man unter einem storno?"),
    ("Donne-moi trois synonymes de grand", "donne-moi trois synonymes de grand"),
    ("Schreib ein Gedicht über den Herbst bitte", "Schreib ein Gedicht über den Herbst"),
    ("C'est\u00a0quoi un prélèvement ?", "C’est quoi un prélèvement ?"),
    ("Escribe un haiku sobre el oton\u0303o", "Escribe un haiku sobre el oto\u00f1o"),
    ("How many KM is a marathon?", "How many km is a marathon?"),
    ("What colour is #FF8800?", "What color is #ff8800?"),
    ("What's the derivative of x³?", "What's the derivative of x^3?"),
    ("How many electrons does Ca²⁺ have?", "How many electrons does Ca2+ have?"),
    ("Is −30 °F too cold?", "Is -30 °F too cold?"),
    ("What is ISO-9001 about?", "What is ISO 9001 about?"),
    ("Is the sum of 6 and 14 even?", "Is the sum of 6 and 14 even?!"),
    (
        "What is the least common multiple of 6 and 14?",
        "What is the least common multiple of 14 and 6?",
    ),
    (
        "What is the difference between rent and lease?",
        "What is the difference between lease and rent?",
    ),
    (
        "I'm allergic to latex, which gloves are safe?",
        "I am allergic to latex, which gloves are safe?",
    ),
    ("How do I apologize for a 24 h delay?", "How do I apologise for a 24-hour delay?"),
    ("Who runs www.wikipedia.org?", "Who runs wikipedia.org?"),
    ("How many flats does D♭ major have?", "How many flats does Db major have?"),
    ("Wie heiß wird ein Pizzaofen?", "Wie heiss wird ein Pizzaofen?"),
    ("Kan ik rondkomen van 1.200 euro?", "Kan ik rondkomen van 1200 euro?"),
    ("Che cosa accadde il 25 aprile 1945?", "Che cosa accadde il 25/4/1945?"),
    ("Co się stało 13 grudnia 1981 r.?", "Co się stało 13.12.1981 r.?"),
    ("كَيْفَ أُقَلِّمُ شَجَرَةَ اللَّيْمُونِ؟", "كيف أقلم شجرة الليمون؟"),
    ("My printer doesn't work, why?", "My printer does not work, why?"),
    ("一万元存一年有多少利息？", "10000元存一年有多少利息？"),
    ("Comment placer 20 000 euros ?", "Comment placer 20000 € ?"),
    ("What is 5 + 3?", "What is 3 + 5?"),
    ("Is the shop open at 3 p.m.?", "Is the shop open at 15:00?"),
    ("What happened on the 4th of July?", "What happened on July 4th?"),
    ("Is 2 million a lot?", "Is 2,000,000 a lot?"),
    ("What's a third of 90?", "What's 1/3 of 90?"),
    ("Why do cats knead 😂", "Why do cats knead"),
    ("My cat sneezes.\nWhat should I do?", "My cat sneezes. What should I do?"),
    ("What is a `monad`?", "What is a monad?"),
    ("I have a question: how do tides form?", "How do tides form?"),
    ("养猫和养狗哪个更省钱？", "养狗和养猫哪个更省钱？"),
    ("Yagmur nasil olusur?", "Yağmur nasıl oluşur?"),
]
OTHER_QUESTIONS = [
    ("Which is the best of Samsung, Sony, LG?", "Which is the best of Samsung, Sony?"),
    ("Say hello, thanks", "Say hello"),
    ("Write hello, thanks", "Write hello"),
    ("What is a good reply to thx", "What is a good reply to"),
    ("Caption my photo of the sea 😂", "Caption my photo of the sea 😢"),
    ("Caption my photo of the sea 🙂", "Caption my photo of the sea"),
    ("What does 🙂 mean?", "What does 🙏 mean?"),
    ("What does *args mean in Python?", "What does args mean in Python?"),
    ("What is ½ of 3?", "What is 12 of 3?"),
    ("What happened on 4 July 1776?", "What happened on 7 April 1776?"),
    ("How much is $5 in yen?", "How much is 5 euros in yen?"),
    ("How do you say in polite Spanish please", "How do you say in polite Spanish"),
    ("Gdzie szukać pracę?", "Gdzie szukać prace?"),
    ("¿Qué es el cólera?", "¿Qué es la cólera?"),
    ("ما هو العَلَم؟", "ما هو العِلْم؟"),
    ("What is 5 + 3 * 2?", "What is 3 + 5 * 2?"),
    ("What is 5 - 3?", "What is 3 - 5?"),
    ("Is the shop open at 3 p.m.?", "Is the shop open at 3 a.m.?"),
    ("What happened on May 4th?", "What happened on May 5th?"),
    ("What is 1,500 million?", "What is 1.5 million?"),
    ("What's a third of 90?", "What's two thirds of 90?"),
    ("What does it mean when he sends 😂", "What does it mean when he sends"),
    ("Does Go run v1.2?", "Does Go run v1.20?"),
    ("Are 2 times 3 pills a day safe?", "Are 3 times 2 pills a day safe?"),
    ("Wie viel ist 1 Billion in Worten?", "Wie viel ist 1 Milliarde in Worten?"),
    ("Was kostet 1 Billion Euro Schulden?", "Was kostet 1 Milliarde Euro Schulden?"),
    ("When is noon in UTC-10?", "When is noon in UTC 10?"),
    ("Who are the Labour Party?", "Who are the Labor Party?"),
    ("Who plays in Grey's Anatomy?", "Who plays in Gray's Anatomy?"),
    ("What is wrong with her 😭", "What is wrong with her"),
    ("Wann kam die Version 1.200 heraus?", "Wann kam die Version 1200 heraus?"),
    ("Is https://www.example.org safe?", "Is http://www.example.org safe?"),
    ("hello in spanish", "please in spanish"),
    ("hola vpn review", "vpn review"),
    ("good morning america host", "america host"),
    ("pardon power of the president", "power of the president"),
    ("What is the minimum wage in LA?", "What is the minimum wage in DE?"),
    ("Where is El Salvador?", "Where is Salvador?"),
    ("Does Tony Stark die in Endgame?", "Is Tony Stark in Endgame?"),
    ("How do I save as a PDF?", "How do I save a PDF?"),
    ("Is 1 equal to 0.999...?", "Is 1 equal to 0.999?"),
    ("How do you verify my identity?", "How do I verify my identity?"),
    ("What should I be for Halloween?", "What should I do for Halloween?"),
    ("Is Harvard a medical school?", "Does Harvard have a medical school?"),
    ("Who is the best coach?", "Who has the best coach?"),
    ("How do you say no, thanks?", "How do you say no?"),
    ("What is the code for 😂", "What is the code for 😅"),
    ("How do I resize to 1080×1920?", "How do I resize to 1920×1080?"),
    ("Can I plant between March and May?", "Can I plant between May and March?"),
    ("What is the change between 50 and 60?", "What is the change between 60 and 50?"),
    ("三四个月的宝宝吃什么?", "34个月的宝宝吃什么?"),
    ("1.609公里是多少英里?", "1609公里是多少英里?"),
    ("Combien coûte un Pixel neuf ?", "Combien coûte un Pixel 9 ?"),
    ("Is it rude not to tip?", "Isn't it rude to tip?"),
    ("How much is 10 mil in rupees?", "How much is 10,000 in rupees?"),
    ("Was Beyoncé born on 9/4/1981?", "Was Beyoncé born on 9 April 1981?"),
    ("What are the jobs AI can replace?", "What are the jobs AI will replace?"),
    ("Why does it have to tell me?", "Does it have to tell me why?"),
    ("Wie schlafe ich ein?", "Wie schlafe ich?"),
    ("公司的名字是什么意思?", "公司的名字是什么?"),
    ("ما معنى مُدَرِّسة؟", "ما معنى مدرسة؟"),
    ("À quoi servent les forêts ?", "A quoi servent les forets ?"),
    ("How do I calculate n!?", "How do I calculate n?"),
    ("What is the Windows 11 October update?", "What is the Windows October 11 update?"),
    ("What does 2^3 give in Python?", "What does 2³ give in Python?"),
    ("Wer war Weiß?", "Wer war Weiss?"),
    ("Wie schreibt man heiß?", "Wie schreibt man heiss?"),
    ("Wie viel ist 1.000 mal 3?", "Wie viel ist 1,000 mal 3?"),
    ("Wie groß sind die Maße?", "Wie groß sind die Masse?"),
    ("À quoi sert la voile ?", "À quoi sert le voile ?"),
    ("What is the ratio between 6 and 14?", "What is the ratio between 14 and 6?"),
    ("What is 5^3 in Python?", "What is 53 in Python?"),
    ("What is 10^6?", "What is 106?"),
    ("In C, what is the type of 'a'?", 'In C, what is the type of "a"?'),
    ("In Python, is (5) a tuple?", "In Python, is (5,) a tuple?"),
    ('Is "licence" a noun in British English?', 'Is "license" a noun in British English?'),
    ("Is a cheque a document?", "Is a check a document?"),
    ("Was ist ein Bär?", "Was ist ein Bar?"),
    ("qual a diferença entre avó e avô", "qual a diferenca entre avo e avo"),
    ("Sıkıldım ne demek?", "Sikildim ne demek?"),
    ("Onde trabalha a secretária?", "Onde trabalha a secretaria?"),
    ("You are coming?", "You are coming."),
    ("What is the half-width form of ア?", "What is the half-width form of ｱ?"),
    ("How do I re-sign a contract?", "How do I resign a contract?"),
    ("Who won the 2020 Euro?", "Who won the 2024 Euro?"),
]


def _serves(a: str, b: str) -> bool:
    score, objects = with_form(0.5, a, b, objections(a, b))
    return score == FORM_SCORE and not objects


@pytest.mark.parametrize("language", QUESTIONS)
def test_greeting_thanks_and_marks_are_form_in_every_language(language: str) -> None:
    for asked in QUESTIONS[language]:
        body, small = asked.rstrip(" ?？؟"), asked[:1].lower() + asked[1:]
        forms = [
            *(greeting + text for greeting in GREETINGS[language] for text in (asked, small)),
            *(asked + thanks for thanks in THANKS[language]),
            *(body + marks for marks in ("??", "?!", "...", "? 🙂", "？？", "؟؟")),
            asked.replace(" ", "\u00a0"),
            asked.replace(" ", "  "),
        ]
        assert [form for form in forms if not _serves(form, asked)] == []


@pytest.mark.parametrize(("a", "b"), SAME_WRITTEN_OTHERWISE)
def test_what_is_written_in_two_ways_is_one_question(a: str, b: str) -> None:
    assert _serves(a, b)


@pytest.mark.parametrize(("a", "b"), OTHER_QUESTIONS)
def test_what_only_looks_like_form_is_another_question(a: str, b: str) -> None:
    assert not _serves(a, b)


_LOOKALIKES = {"i": "iİıI", "s": "sſS", "k": "kK\u212a", "a": "aA"}
_WORDS = """
nisan haziran kasım milyon million thousand third twentieth hundred six check-in x-ray wi-fi
united nations kibi kilometres minutes stunden please thanks british colour organise dozen
"""


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_WORDS.split()), min_size=1, max_size=8), st.data())
def test_letters_that_equal_others_without_their_case_raise_nothing(
    words: list[str], data: st.DataObject
) -> None:
    """NİSAN matches nisan where case is ignored, and isn't it in small letters."""
    plain = " ".join(
        f"{data.draw(st.sampled_from(['', '1 ', '23 ', '2,5 ']))}{word}" for word in words
    )
    text = "".join(data.draw(st.sampled_from(_LOOKALIKES.get(sign, sign))) for sign in plain)
    objections(text, f"{text} 1920?")
    is_same_form(text, text.upper())


@pytest.mark.parametrize("piece", ["hi, ", "tell me ", "你好，", "告诉我请解释", "hey! "])
def test_a_hundred_courtesies_are_not_taken_away_one_by_one(piece: str) -> None:
    """Each round reads the whole text: at most a few are made."""
    text = f"{piece * 80}what is love?"[:480]
    assert len(without_courtesy(text)) > len(text) - 10 * len(piece)
