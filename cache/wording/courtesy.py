"""Courtesy: greetings, thanks and requests around a question, in fourteen languages.

Taken away only where a mark, or a small letter behind it, shows that it stands beside the question
and isn't what is asked.
"""

import re
from typing import Final

_GREETING: Final = (
    r"(?:hi|hello|hey|hallo|hoi|bonjour|salut|hola|ciao|salve|olá|oi|cześć|hej|merhaba|selam|moin"
    r"|good (?:morning|evening)|guten (?:tag|morgen)|buenos días|bom dia|goedemorgen|dzień dobry"
    r"|iyi günler|good afternoon|guten abend|bonsoir|buen[ao]s (?:tardes|noches)"
    r"|boa (?:tarde|noite)"
    r"|buon(?:giorno|asera)|goede(?:navond|middag)|dobry wieczór|добрый вечер|dear [a-z]+(?=,)"
    r"|hiya|howdy|greetings|servus|grüß gott|moin moin|hallihallo|coucou|buenas|ehi|hé|heyhey"
    r"|goedendag|siema|witam|witaj|hejka|merhabalar|selamlar|e aí|oiê"
    r"|здравствуйте|привет|добрый день|السلام عليكم(?: ورحمة الله(?: وبركاته)?)?|مرحب[اً]{1,2}|أهلا"
    r"|안녕하세요|안녕)"
    r"(?: there| all| everyone| everybody| folks| chatgpt| claude| gemini| copilot| assistant| bot"
    r"| zusammen| à tous| a todos| a tutti| allemaal)?"
)
_REQUEST: Final = (
    r"(?:(?:q|question|frage|pregunta|domanda|pergunta|vraag|pytanie|soru|سؤال)(?=\s?:)"
    r"|please|pls|plz|bitte|alsjeblieft|proszę|lütfen|por favor|per favore|s'il (?:te|vous) plaît"
    r"|(?:please )?tell me|(?:can|could|would) you (?:please |kindly )?(?:tell me"
    r"|explain(?: to me)?)"
    r"|would you mind (?:telling me|explaining)|do you happen to know|any idea"
    r"|i(?:'d| would) be grateful if you (?:told me|could tell me)|(?:can|could) u tell me"
    r"|explain(?: to me)?(?=,? (?:what|how|why|who|when|where)\b)"
    r"|i(?:'d| would) like to know|i want to know|do you know|quick question|excuse me"
    r"|(?:können|könnten|kannst|könntest) (?:sie|du) mir (?:bitte )?(?:sagen|erklären|verraten)"
    r"|(?:sag|erklär|erkläre|sagen sie|erklären sie) mir(?: bitte)?|weißt du|wissen sie"
    r"|(?:pourriez|pouvez)-vous m(?:e |')(?:dire|indiquer|expliquer)|(?:dis|dites)-moi|savez-vous"
    r"|(?:me )?(?:podrías|podría|puedes|puede) (?:decir|explicar|indicar)(?:me)?"
    r"|sabes|dime(?= [a-zé]*[qcd][uóo])"
    r"|mi (?:sa|sai|può|puoi|potrebbe|potresti) (?:dire|spiegare)|(?:può|puoi) (?:dir|spiegar)mi"
    r"|(?:você )?(?:pode|poderia) me (?:dizer|explicar)|me diga|diga-me"
    r"|(?:zou|kunt|kun|kan) (?:u|je|jij) (?:(?:mij|me) )?(?:kunnen )?(?:vertellen|uitleggen|zeggen)"
    r"|(?:podes?|poderias?) (?:explicar|dizer)(?:-me)?"
    r"|czy (?:mógłbyś|mogłabyś|możesz|może pan|może pani) mi (?:wyjaśnić|powiedzieć)|powiedz mi"
    r"|подскажите|скажите|объясни(?:те)?|пожалуйста|من فضلك|لو سمحت"
    r")(?:,? (?:please|bitte|por favor|per favore|s'il vous plaît|alstublieft|proszę|пожалуйста))?"
)
_EXCUSE: Final = (
    r"(?:i(?:'ve got| have) (?:a|one|another) (?:quick |short )?question|one question"
    r"|sorry to bother you"
    r"|i(?:'m| am) curious|out of curiosity|just wondering|just curious"
    r"|ich h(?:abe|ab|ätte) (?:mal )?(?:eine|'ne|ne) (?:kurze )?frage"
    r"|(?:nur )?(?:eine|'ne) (?:kurze )?frage"
    r"|entschuldigung|entschuldigen sie|sag mal|mal (?:eine|'ne) frage"
    r"|j'ai une (?:petite )?question|(?:une |petite )+question|excusez-moi|excuse-moi"
    r"|tengo una (?:pregunta|duda)|una (?:pregunta|duda)|disculp[ae]|perdon[ae]|oye"
    r"|ho una (?:domanda|curiosità)|una (?:domanda|curiosità)|scus[ai]"
    r"|tenho uma (?:pergunta|dúvida)|uma (?:pergunta|dúvida)|desculp[ae]|com licença"
    r"|ik heb een vraag(?:je)?|(?:een |kort )?vraagje|mam (?:takie )?pytanie|przepraszam"
    r"|bir sorum var|bir soru|pardon|affedersin(?:iz)?|عندي سؤال|عفوا|سؤال"
    r")"
)
"""What comes before a question, with a mark behind it."""
_THANKS: Final = (
    r"(?:please|pls|plz|thanks(?: in advance| a lot)?|thank you(?: very much)?"
    r"|thanks (?:a (?:bunch|million|ton)|so much|very much|again|very kindly)|thank you so much"
    r"|thx(?: in advance)?|many thanks|thnx|much appreciated|appreciate it"
    r"|danke (?:dir|ihnen|euch|schon mal|vorab)|dankeschön"
    r"|merci bien|merci à (?:tous|vous)|(?:hartelijk |erg )?bedankt(?: hoor)?"
    r"|dzięki (?:wielkie|z góry|serdeczne)|tşk|tşkler|sağ ?ol(?:un)?"
    r"|bitte|danke|merci|svp|s'il (?:te|vous) plaît|gracias|por favor|grazie|per favore|obrigad[oa]"
    r"|bedankt|alsjeblieft|dzięki|proszę|teşekkürler|lütfen|спасибо|شكرا|감사합니다"
    r"|(?:vielen|besten) dank(?: im [Vv]oraus)?|danke (?:sehr|schön|im [Vv]oraus)"
    r"|merci (?:beaucoup|d'avance|par avance)|(?:muchas|mil) gracias|gracias de antemano"
    r"|grazie (?:mille|in anticipo)|muito obrigad[oa]|(?:desde já )?obrigad[oa](?: desde já)?"
    r"|(?:alvast )?(?:bedankt|dank (?:je|u)(?: wel)?)|(?:z góry )?dziękuję(?: z góry)?"
    r"|(?:çok |şimdiden )?teşekkür(?:ler| ederim)|çok sağ ?ol(?:un)?"
    r"|شكر(?:ا|ًا|اً)(?: (?:جزيلا|جزيلاً|جزيلًا|لك|لكم|مقدما))?|من فضلك|لو سمحت(?:م)?)"
)
_ASKING_WORDS: Final = (
    r"(?:how|what|whats|why|when|where|who|which|is|are|do|does|did|can|could|should|i|explain|tell"
    r"|wie|was|warum|wieso|wann|wo|wer|welche[rsmn]?|kann|gibt|ist|sind|ich"
    r"|comment|pourquoi|quand|où|qui|quel(?:le)?s?|est-ce|qu'est-ce|c'est|je"
    r"|cómo|como|qué|que|por qué|cuándo|cuando|dónde|donde|quién|cuál|cuánto|come|perché|quando"
    r"|dove|chi|qual[ei]?|cosa|cos'è|che|por que|o que|onde|quem|quanto|hoe|wat|waarom|wanneer|waar"
    r"|welke|jak|dlaczego|kiedy|gdzie|kto|co|czy|ile|nasıl|neden|niçin|kim|nerede|kaç"
    r"|как|что|почему|когда|где|кто)"
)
_NAMING: Final = r"(?:in|auf|en|em|po|op|na|ne|meaning|bedeut\w*|signific\w*|cosa|co)"
"""Behind a courtesy that is itself what is asked about: please in Spanish."""
_SMILES: Final = (
    "\U0001f642\U0001f60a\U0001f64f\U0001f44b\U0001f603\U0001f604\U0001f917\u263a\U0001f914\ufe0f"
)
"""Behind a mark or a greeting they greet and thank, as words do."""
_SMALL: Final = (
    "[a-z\u00df-\u00ff\u0105\u0107\u0119\u0142\u015b\u017c\u015f\u011f\u0131\u0430-\u044f]"
)
"""Of a script with capitals; in another one a greeting without a mark may be what is asked."""
# a courtesy without a mark beside it goes on in small letters, or it is a name: Please Please Me
_BEFORE: Final = re.compile(
    rf"^(?:{_GREETING}\s*[,.!،]+\s*|{_GREETING}\s+(?={_ASKING_WORDS}\b)|(?i:{_REQUEST})\s*[,:!،]+\s*"
    rf"|(?i:{_EXCUSE})\s*[,:!،]+\s*|(?i:{_REQUEST})\s+(?={_SMALL})(?!{_NAMING}\b))",
)
_BEFORE_CAPITAL: Final = re.compile(
    rf"^¿?(?i:{_GREETING})(?:\s*[,.!،]+\s*|\s+(?=(?i:{_ASKING_WORDS})\b))"
)
_BEHIND: Final = re.compile(rf"(?<=[\w)\"»”“])\s*([,.!?؟])[.!?؟]*\s*¡?(?i:{_THANKS})\s*[.!?]*$")
_SMILE_BEHIND: Final = re.compile(rf"(?<=[.!?؟？。！])\s*[{_SMILES}]+$")
_SMILE_BEFORE: Final = re.compile(rf"^(?:(?i:{_GREETING})|(?i:{_THANKS}))[,.!]?\s*[{_SMILES}]+\s*")
_FAREWELL: Final = re.compile(
    r"(?<=[.!?؟])\s*(?:lg|vg|mfg|tia|tysm?|cheers|ta|cordialement|saludos|valeu|abraços|groetjes"
    r"|pozdrawiam|(?:viele|liebe|beste|schöne) grüße)\s*[.!]*$",
    re.IGNORECASE,
)
"""Behind a comma some of it may be one thing of a list: Sony, LG."""
_BRIEFLY: Final = re.compile(r"^(.*\w\w (\w{3,})) (?:thx|pls|plz|tysm)$", re.IGNORECASE)
"""What is written so briefly needs no mark before it."""
_ASKS: Final = re.compile(rf"{_ASKING_WORDS}\b", re.IGNORECASE)
_ABOUT_SIGNS: Final = re.compile(
    r"\b(?:emoji|emoticon|smiley|code|type|typing|name|differ|use|unicode|face|icon|mean|send|sent|text|repl|answer|say|said|stand|symbol|caption|post"
    r"|bedeut|heißt|schick|signif|vuol|quiere|betek|znacz|anlam|it|this|that|das|dies)",
    re.IGNORECASE,
)
"""Where a face may be what is asked about."""
_FACES_BEHIND: Final = re.compile(r"(?<=[\w?!.])\s*[😂😅😉😊🙂🙃🤔🤣\ufe0f]{1,3}$")
"""Laughing and wondering ones, which say how it is asked and not what."""
_AT_LAST: Final = re.compile(
    r"^((?:\S+ ){4,}?\S+) (?:please|bitte|s'il (?:te|vous) plaît|alsjeblieft|por favor|per favore"
    r"|lütfen|proszę)[.?!]*$"
)
"""Behind a sentence that isn't about words, where it would be what is asked."""
_ABOUT_SAYING: Final = re.compile(
    r"\b(?:say|said|mean|word|spell|writ(?=\w* \S+$)|polite|heißt|sag|wort"
    r"|schreib(?=\w* \S+$)|di[rt]"
    r"|dice|decir|dizer|zeg"
    r"|mówi|demek|kelime|translat|übersetz|tradu|vertaal)",
    re.IGNORECASE,
)
_SAID: Final = frozenset({"say", "mean", "means", "word", "write", "spell", "with", "like"})
_WITHIN: Final = re.compile(
    r"^(\w+(?:-moi| mir| uns)?),? (?:bitte|s'il (?:te|vous) plaît|por favor|per favore|alsjeblieft)"
    r",? (?=\w)",
    re.IGNORECASE,
)
"""Behind the imperative that begins a text: schreib bitte ein Gedicht."""
_SAYS: Final = re.compile(r"(?:say|reply|write|type|answer|spell)\b", re.IGNORECASE)
_MOST_ROUNDS: Final = 4
"""Greeting, request, thanks; whoever strings together a hundred is not understood."""
_LONG_ORDER: Final = 4
"""Words of an order to write that names something else than a courtesy: write a poem about rain."""
_UNSPACED_BEFORE: Final = re.compile(
    r"^(?:(?:你好|您好|嗨|哈喽|大家好|(?:早上|上午|下午|晚上)好|こんにちは|こんばんは|おはようございます"
    r"|お疲れ様です|お世話になっております|すみません)[,\uff0c。、!\uff01]\s*|(?:请问(?:一下)?|(?:我)?有(?:个|一个)问题|(?:我)?想问(?:一下|问)?|问一下|请教(?:一下)?|質問(?:です|があります)。|ちょっと質問(?:です)?。|(?:请|请你)?告诉我(?!们)|请?解释(?:一下)?)[,\uff0c:\uff1a]?\s*)(?=.{4})"
    r"|^(?:من فضلك|لو سمحت)،?\s+(?=\w{2})"
)
_UNSPACED_BEHIND: Final = re.compile(
    r"(?<=.{4})(?:(?<=[?\uff1f。!\uff01])\s*(?:谢谢(?:啦|你|您|大家)?|多谢|谢了|感谢|ありがとう(?:ございます)?"
    r"|よろしくお願い(?:いた)?します|どうぞよろしく)"
    r"|(?<!何)(?<!何を)を?(?:教えて|説明して)(?:ください|下さい|いただけますか|くれますか|もらえますか)?)[。.!\uff01?\uff1f]*$"
)


def without_courtesy(text: str) -> str:
    """The text without what stands around the question."""
    text = text.lstrip("\u00bf\u00a1 ")
    for _ in range(_MOST_ROUNDS):
        before = text
        text = _BEFORE.sub("", _BEFORE_CAPITAL.sub("", _SMILE_BEFORE.sub("", text)))
        text = _FAREWELL.sub("", _SMILE_BEHIND.sub("", text))
        if not _asks_to_say(text):
            text = _BRIEFLY.sub(_without_last, _BEHIND.sub(_without_thanks, text))
        if _ASKS.match(text) is not None and _ABOUT_SIGNS.search(text) is None:
            text = _FACES_BEHIND.sub("", text)
        if _ABOUT_SAYING.search(text) is None:
            text = _AT_LAST.sub(r"\1", text)
        if _ASKS.match(text) is None:
            text = _WITHIN.sub(r"\1 ", text)
        if not text.isascii():
            text = _UNSPACED_BEHIND.sub("", _UNSPACED_BEFORE.sub("", text))
        if text == before:
            break
    return text


def _without_thanks(match: re.Match[str]) -> str:
    """Behind a comma they may be what is said: how do you say no, thanks?"""
    is_said = match[1] == "," and _ABOUT_SAYING.search(match.string) is not None
    return match[0] if is_said else match[1]


def _without_last(match: re.Match[str]) -> str:
    return match[0] if match[2].lower() in _SAID else match[1]


def _asks_to_say(text: str) -> bool:
    """Whether the courtesy may be what is to be said: say hello, thanks."""
    found = _SAYS.match(text)
    if found is None:
        return False
    return found[0].lower() != "write" or len(text.split()) <= _LONG_ORDER
