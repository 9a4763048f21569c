"""How do the weights of multilingual-e5-small become the cross-encoder of the cache's pairs?

    python -m dev.build_pair_encoder --output var/multilingual

Beside the second look's model, whose word pieces it shares, lie the lower layers as they are, for
one question, and the upper ones, for two: changed by what `dev.train_pair_classifier` learned.
"""

import argparse
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from dev.build_embedder import (
    WIDTH,
    WORDS,
    Graph,
    Weights,
    build,
    encoder_layer,
    find_weights,
    quantise,
)
from dev.build_multilingual_embedder import WHEEL, WHEEL_FILE, read_model, tune

PAIR_TUNING: Final = Path(__file__).with_name("pair_tuning.npz")
"""In the form of `question_tuning.npz`."""
LOWER: Final = "pair_lower.onnx"
UPPER: Final = "pair_upper.onnx"
PAIR_VERSION: Final = "pair_version.json"
PAIR_RECIPE: Final = "1"
ALONE: Final = 6
"""Layers that read one question."""
TOGETHER: Final = 4
"""Layers above them that read both; the model's last two are left out."""


def pair_version(weights: bytes, tuning: Path) -> dict[str, str]:
    """The name of the layers: a classifier is never asked about others' tokens."""
    model, change = (
        hashlib.sha256(data).hexdigest()[:12] for data in (weights, tuning.read_bytes())
    )
    return {"name": "e5-small-pairs", "weights": model, "recipe": f"{PAIR_RECIPE}.{change}"}


def build_upper(weights: Weights) -> Any:  # noqa: ANN401 - onnx ships no types
    """tokens_below (batch, length, 384), of both questions → tokens, of the same shape."""
    graph = Graph()
    hidden, no_bias = "tokens_below", graph.number(0.0)
    for layer in range(ALONE, ALONE + TOGETHER):
        hidden = encoder_layer(graph, weights, f"encoder.layer.{layer}.", hidden, no_bias)
    graph.nodes.append(helper.make_node("Identity", [hidden], ["tokens"]))
    shape: list[str | int] = ["batch", "length", WIDTH]
    below, above = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ("tokens_below", "tokens")
    )
    made = helper.make_graph(graph.nodes, "pair-upper", [below], [above], graph.weights)
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=sets, ir_version=9)


def main() -> None:
    """Writes both models and pair_version.json into the output folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("var/multilingual"))
    output: Path = parser.parse_args().output
    data = find_weights(WHEEL, WHEEL_FILE).read_bytes()
    _, weights = read_model(data)
    del weights[WORDS]
    with np.load(PAIR_TUNING, allow_pickle=False) as tuning:
        tune(weights, tuning)
    lower, upper = build(weights, ALONE, "pair-lower"), build_upper(weights)
    with TemporaryDirectory(dir=output) as scratch:
        for made, name in ((lower, LOWER), (upper, UPPER)):
            whole, small = Path(scratch) / "fp32.onnx", Path(scratch) / name
            onnx.save(made, whole)
            quantise(whole, small)
            small.replace(output / name)
            print(f"{output / name}: {(output / name).stat().st_size / 1e6:.0f} MB")
    (output / PAIR_VERSION).write_text(json.dumps(pair_version(data, PAIR_TUNING)) + "\n")


if __name__ == "__main__":
    main()
