from itertools import permutations

import pytest

from producers.contract import Request
from router.text import features
from tests.unit.router.routing_cases import request

PROMPTS = {
    "code": [
        "Write a Python function that merges two sorted lists.",
        "Why does this throw a null pointer? ```java\nString s = null; s.length();\n```",
        "Implement a queue with two stacks in C++.",
        "Give me a SQL query for the ten customers with the highest revenue per region.",
        "Schreibe eine Funktion, die prüft, ob eine Zahl prim ist.",
        "Refactor this class so that it can be tested without a database.",
        "Build a small HTML page with a button that shows a random joke.",
    ],
    "math": [
        "Solve for x: 3x + 7 = 22.",
        "Anna has 12 apples and gives a third of them away. How many are left?",
        "A train leaves at 9:40 and needs 2.5 hours for 180 km. How fast is it on average?",
        "What is the probability that two dice show a sum of nine?",
        "Prove that the square root of two is irrational.",
        "David has three sisters and each of them has one brother. How many brothers has David?",
        "If $f(x)=x^2-4x+1$, what is $f(f(2))$?",
        "The vertices of a triangle are (0,0), (3,0) and (0,4). What is its area?",
    ],
    "reasoning": [
        "All bloops are razzies and all razzies are lazzies. Logically, are all bloops lazzies?",
        "Solve this riddle: the more you take, the more you leave behind.",
        "Suppose it rains tomorrow and the match is moved. Who then plays on Sunday, and why?",
        "Evaluate the trade-offs between a monolith and services for a team of five.",
        "Analyse why our churn rose after the price change and justify your conclusion.",
    ],
    "translate": [
        "Translate into French: where is the station?",
        "Übersetze den folgenden Satz ins Englische: Der Zug kommt später.",
        "Please give me the German translation of 'good luck'.",
        "把这句话翻译成英文: 今天天气很好。",
    ],
    "summarise": [
        "Summarize the following article in three bullet points: The council met on Monday ...",
        "Give me a summary of the meeting notes below.",
        "Fais un résumé du texte suivant : Le conseil s'est réuni lundi.",
    ],
    "classify": [
        "Classify this ticket as billing, technical or other: my card was charged twice",
        "What is the sentiment of this review: the soup was cold.",
        "Is this mail spam? Answer yes or no: you have won a prize",
    ],
    "extract": [
        "Extract all dates and amounts from the invoice below as JSON.",
        "List the named entities in: Marie Curie worked in Paris.",
        "According to the passage, why did the hero leave? The passage: He packed at night ...",
    ],
    "rewrite": [
        "Rewrite this mail so that it sounds friendlier.",
        "Proofread: their going to the park tomorow",
        "Rephrase the sentence without the passive voice.",
    ],
    "creative": [
        "Write a short poem about autumn in Vienna.",
        "Write a slogan for a bakery that is open at night.",
        "Compose an engaging travel blog post about a trip to Lisbon.",
        "Imagine you are a pirate and tell a story about a storm.",
        "Describe a vivid scene at a market at dusk.",
    ],
    "legal": [
        "Draft a limitation of liability clause for a software contract.",
        "Does GDPR allow us to keep the logs of a former customer?",
    ],
    "medical": [
        "A patient of 54 presents with acute chest pain and nausea. What is the likely diagnosis?",
        "What dose of ibuprofen in mg is safe for a child of 20 kg?",
    ],
    "lookup": [
        "Who wrote The Magic Mountain?",
        "When did the Berlin Wall fall?",
        "What is the capital of Peru?",
    ],
    "question": [
        "Why is the sky blue?",
        "How does a heat pump work?",
        "Can dogs eat grapes?",
    ],
    "chat": ["hi", "thanks a lot", "Good morning, nice to meet you"],
}
CASES = [(task, prompt) for task, prompts in PROMPTS.items() for prompt in prompts]


def test_tasks_are_recognised_by_their_words() -> None:
    found = [
        (task, features.extract_features(request(prompt)).task, prompt) for task, prompt in CASES
    ]
    wrong = [case for case in found if case[0] != case[1]]
    assert len(wrong) <= len(CASES) // 10, wrong


@pytest.mark.parametrize("prompt", [prompt for _, prompt in CASES])
def test_a_declared_task_stands_beside_the_recognised_one(prompt: str) -> None:
    asked: Request = request(prompt, routing={"task": "ours"})
    assert features.extract_features(asked).declared_task == "ours"


def test_tools_make_it_agent_work() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    assert features.extract_features(request("hi", body={"tools": [tool]})).task == "agent"


def test_a_short_turn_is_judged_by_what_it_follows() -> None:
    hard = "Write a Python function that finds a minimum cut in a flow network and prove it."
    turns = [
        {"role": "user", "content": hard},
        {"role": "assistant", "content": "Shall I start with the residual graph?"},
        {"role": "user", "content": "yes"},
    ]
    assert features.extract_features(request(turns)).task == "code"


CUE_WORDS = {
    "translate": "translate",
    "summarise": "summarise",
    "rewrite": "rewrite",
    "extract": "extract",
    "classify": "classify",
    "code": "python",
}


@pytest.mark.parametrize(("first", "second"), list(permutations(CUE_WORDS, 2)))
def test_of_two_tasks_with_as_many_cues_the_first_is_recognised(first: str, second: str) -> None:
    text = f"please {CUE_WORDS[first]} this for me and then {CUE_WORDS[second]} it"
    assert features.extract_features(request(text)).task == first
