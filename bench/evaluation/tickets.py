"""Synthetic support tickets with the right answer and a plausible wrong one, from templates."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LABELS: Final = ("billing", "delivery", "login", "refund", "technical")
SYSTEM: Final = (
    "You sort support tickets. Answer with one word, the label: billing, delivery, login, refund "
    "or technical."
)
_NAMES: Final = ("Ana", "Bo", "Chen", "Dara", "Emil", "Fatou", "Greta", "Hugo")
_THINGS: Final = ("headset", "kettle", "monitor", "backpack", "lamp", "router", "keyboard", "tent")
_TEMPLATES: Final = {
    "billing": (
        "I was charged twice for the {thing} of order {order}. Please look at invoice {number}.",
        "Why is there a fee of {amount} euros on invoice {number}? I only bought a {thing}.",
    ),
    "delivery": (
        "My {thing} from order {order} should have come {days} days ago. Where is it?",
        "The parcel with the {thing} shows no movement for {days} days, order {order}.",
    ),
    "login": (
        "I can't sign in to see order {order}: the code for my account never arrives.",
        "My password was reset {days} days ago, and the page says that it is wrong ({number}).",
    ),
    "refund": (
        "I sent the {thing} back {days} days ago, order {order}. When do I get {amount} euros?",
        "Please take the {thing} of order {order} back and return my {amount} euros.",
    ),
    "technical": (
        "The {thing} stops after {days} minutes, serial {number}. I have restarted it twice.",
        "Since the update the {thing} shows error {number}. What can I do?",
    ),
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket. wrong: what a model that errs answers."""

    id: str
    text: str
    label: str
    wrong: str


def tickets(number: int, seed: int) -> Iterator[Ticket]:
    """So many different ones."""
    chance = random.Random(seed)
    for place in range(number):
        label = chance.choice(LABELS)
        told = chance.choice(_TEMPLATES[label]).format(
            thing=chance.choice(_THINGS),
            order=f"{chance.randrange(10**6):06}",
            number=10_000 + place,
            amount=chance.randrange(10, 400),
            days=chance.randrange(2, 30),
        )
        wrong = chance.choice([other for other in LABELS if other != label])
        text = f"{told}\n\nRegards, {chance.choice(_NAMES)} (ticket {place})"
        yield Ticket(f"t{place:04}", text, label, wrong)


def case_line(ticket: Ticket) -> str:
    """The ticket as a case of one's own."""
    asked = {"prompt": ticket.text, "system": SYSTEM, "body": {"max_tokens": 16}}
    case = {"id": ticket.id, "reference": ticket.label, "task": "classification", **asked}
    return json.dumps(case)


def script_line(ticket: Ticket) -> dict[str, object]:
    """What the simulated models know of it."""
    return {"prompt": ticket.text, "answer": ticket.label, "wrong": [ticket.wrong]}
