"""A real small model with real tokens: the same weights with and without an example in the prompt.

SmolLM2-135M under llama.cpp, as two models of the configuration that differ in the frame of their
system prompt alone.
"""

import json
import random
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from bench.evaluation.installation import switchgear
from dev.llama_server import MODEL
from dev.stack import Choice, Ports, stack
from observability.evaluation.results.evaluation_result import ALL_TASKS, read_evaluation

_TOWNS: Final = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Japan": "Tokyo",
    "Portugal": "Lisbon", "Norway": "Oslo", "Sweden": "Stockholm", "Greece": "Athens",
    "Poland": "Warsaw", "Austria": "Vienna", "Russia": "Moscow", "China": "Beijing",
    "Egypt": "Cairo", "Peru": "Lima", "Cuba": "Havana", "Kenya": "Nairobi", "Ireland": "Dublin",
    "Hungary": "Budapest", "Finland": "Helsinki", "Denmark": "Copenhagen", "Turkey": "Ankara",
    "Canada": "Ottawa", "Belgium": "Brussels", "Chile": "Santiago", "Thailand": "Bangkok",
    "Ukraine": "Kyiv", "Iran": "Tehran", "Iraq": "Baghdad", "Vietnam": "Hanoi",
}  # fmt: skip
_PLAIN: Final = MODEL
_FRAMED: Final = f"{MODEL}-framed"
_EXAMPLE: Final = "\nExample. Question: the capital of Iceland? Answer: Reykjavik"


def real_model() -> dict[str, Any]:
    """Both, on the capitals of thirty countries."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "switchgear.yaml"
        config.write_text(yaml.safe_dump(_config()), encoding="utf-8")
        cases = folder / "capitals.jsonl"
        cases.write_text("\n".join(_lines()), encoding="utf-8")
        settings = {"SWITCHGEAR_CONFIG": str(config), "SWITCHGEAR_LOG_LEVEL": "WARNING"}
        with stack(folder, Ports(), settings, Choice(local=True)) as running:
            environment = {**running.environment, **settings}
            place = ("--folder", str(folder / "evaluations"))
            print(switchgear(environment, "evaluate", "import", "capitals", str(cases), *place))
            asked = ["--data", "capitals", "--baseline", _PLAIN, "--candidate", _FRAMED]
            asked += ["--metric", "contains", "--margin", "5", "--max-usd", "1", "--interactive"]
            print(switchgear(environment, "evaluate", "run", "real", *asked, *place))
        record = read_evaluation((folder / "evaluations/real/results.json").read_bytes())
    return {
        each.candidate: each.model_dump(
            mode="json", include={"cases", "successes", "input_tokens", "output_tokens", "p50_ms"}
        )
        for each in record.results
        if each.task == ALL_TASKS
    }


def _lines() -> list[str]:
    countries = sorted(_TOWNS)
    random.Random(1).shuffle(countries)
    return [
        json.dumps(
            {
                "prompt": f"What is the capital of {country}?",
                "system": "Answer with one word.",
                "reference": _TOWNS[country],
                "body": {"max_tokens": 16, "temperature": 0},
            }
        )
        for country in countries
    ]


def _config() -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load(Path("dev/local_model.yaml").read_text(encoding="utf-8"))
    model = {**whole["models"][MODEL], "family": "smollm2"}
    framed = {**model, "prompt": {"system_suffix": _EXAMPLE}}
    whole["models"] = {_PLAIN: model, _FRAMED: framed}
    (first,) = whole["deployments"]
    here = whole["deployments"][first]
    whole["deployments"]["framed"] = {**here, "model": _FRAMED, "wire_model": MODEL}
    whole["tiers"]["economy"]["deployments"] = [first, "framed"]
    return whole
