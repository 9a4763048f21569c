"""Check answers with a function of your own: here, that an IBAN is a valid one.

In `switchgear.yaml`, where the workers find this module on their path:

    checks: {iban: "examples.own_validator:iban"}

A request that asks for it is repaired or escalated when the check fails:

    chat("Which IBAN is on this invoice? …", tenant="t",
         routing={"validators": [{"kind": "named", "name": "iban"}]})

Try the check alone: `python -m examples.own_validator "DE89 3704 0044 0532 0130 00"`
"""

import re
import sys

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def iban(answer: str) -> str | None:
    """What is wrong with the answer, in words that the model can act on; None if nothing is."""
    compact = "".join(answer.split()).upper()
    if not _IBAN.fullmatch(compact):
        return "it must be an IBAN alone, without any other word"
    # ISO 13616: the first four characters go to the end, letters count from 10, modulo 97 is 1
    digits = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return None if int(digits) % 97 == 1 else "its check digits are wrong: read it again"


if __name__ == "__main__":
    print(iban(sys.argv[1]) or "valid")
