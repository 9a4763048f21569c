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
    r"|здравствуйте|привет|добрый день|السلام عليكم|مرحبا|안녕하세요|안녕)(?: there)?"
)
_REQUEST: Final = (
    r"(?:please|pls|plz|bitte|alsjeblieft|proszę|lütfen|por favor|per favore|s'il (?:te|vous) plaît"
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
    r"|(?:zou|kunt|kun|kan) (?:u|je|jij) (?:mij|me) (?:kunnen )?(?:vertellen|uitleggen|zeggen)"
    r"|czy (?:mógłbyś|mogłabyś|możesz|może pan|może pani) mi (?:wyjaśnić|powiedzieć)|powiedz mi"
    r"|подскажите|скажите|объясни(?:те)?|пожалуйста|من فضلك|لو سمحت"
    r")(?:,? (?:please|bitte|por favor|per favore|s'il vous plaît|alstublieft|proszę|пожалуйста))?"
)
_THANKS: Final = (
    r"(?:please|pls|plz|thanks(?: in advance| a lot)?|thank you(?: very much)?"
    r"|thx(?: in advance)?|many thanks"
    r"|bitte|danke|merci|svp|s'il (?:te|vous) plaît|gracias|por favor|grazie|per favore|obrigad[oa]"
    r"|bedankt|alsjeblieft|dzięki|proszę|teşekkürler|lütfen|спасибо|شكرا|감사합니다"
    r"|(?:vielen|besten) dank(?: im [Vv]oraus)?|danke (?:sehr|schön|im [Vv]oraus)"
    r"|merci (?:beaucoup|d'avance|par avance)|(?:muchas|mil) gracias|gracias de antemano"
    r"|grazie (?:mille|in anticipo)|muito obrigad[oa]|(?:desde já )?obrigad[oa](?: desde já)?"
    r"|(?:alvast )?(?:bedankt|dank (?:je|u)(?: wel)?)|(?:z góry )?dziękuję(?: z góry)?"
    r"|(?:çok |şimdiden )?teşekkür(?:ler| ederim)|çok sağ ?ol(?:un)?"
    r"|شكرًا(?: جزيلا| لك)?|شكرا (?:جزيلا|لك))"
)
_SMALL: Final = (
    "[a-z\u00df-\u00ff\u0105\u0107\u0119\u0142\u015b\u017c\u015f\u011f\u0131\u0430-\u044f]"
)
"""Of a script with capitals; in another one a greeting without a mark may be what is asked."""
# a courtesy without a mark beside it goes on in small letters, or it is a name: Please Please Me
_BEFORE: Final = re.compile(
    rf"^(?:{_GREETING}\s*[,.!،]+\s*|{_GREETING}\s+(?={_SMALL})|(?i:{_REQUEST})\s*[,:!،]+\s*"
    rf"|(?i:{_REQUEST})\s+(?={_SMALL}))",
)
_BEFORE_CAPITAL: Final = re.compile(rf"^¿?(?i:{_GREETING})(?:\s*[,.!،]+\s*|\s+(?=[a-z]))")
_BEHIND: Final = re.compile(rf"(?<=[\w)])\s*([,.!?؟])[.!?]*\s*(?i:{_THANKS})\s*[.!?]*$")
_SAYS: Final = re.compile(r"(?:say|reply|write|type|answer|spell)\b", re.IGNORECASE)
_UNSPACED_BEFORE: Final = re.compile(
    r"^(?:(?:你好|您好|こんにちは|すみません)[,\uff0c。、!\uff01]\s*|(?:请问|(?:请|请你)?告诉我(?!们)|请解释(?:一下)?)[,\uff0c:\uff1a]?\s*)(?=.{4})"
)
_UNSPACED_BEHIND: Final = re.compile(
    r"(?<=.{4})(?:(?<=[?\uff1f。!\uff01])\s*(?:谢谢|ありがとう(?:ございます)?)"
    r"|を?(?:教えて|説明して)(?:ください|下さい|いただけますか|くれますか|もらえますか)?)[。.!\uff01?\uff1f]*$"
)


def without_courtesy(text: str) -> str:
    """The text without what stands around the question."""
    text, before = text.lstrip("\u00bf\u00a1 "), ""
    while text != before:
        before = text
        text = _BEFORE.sub("", _BEFORE_CAPITAL.sub("", text))
        text = text if _SAYS.match(text) else _BEHIND.sub(r"\1", text)
        if not text.isascii():
            text = _UNSPACED_BEHIND.sub("", _UNSPACED_BEFORE.sub("", text))
    return text
