"""Token states: what the layers that stay as they are make of a question's word pieces.

They are worked out once and kept in a file, for they are most of the work of a training.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from cache.semantic.question_embedder import QuestionEmbedder
from dev.build_embedder import WIDTH, find_weights
from dev.build_multilingual_embedder import WHEEL, WHEEL_FILE, read_model
from dev.question_tuning.layers import Array, Layer, forward, layer_of

Tokens: TypeAlias = NDArray[np.float16]

IN_8_BITS: Final = 6
"""Layers whose states are those of the int8 model; the next ones are worked out in 32 bits."""
FROZEN: Final = 10
"""Layers of 12 that stay as they are."""
MOST_TOKENS: Final = 64
"""Of a question that is learned from."""
BATCH: Final = 128


@dataclass(frozen=True, slots=True)
class States:
    """Of texts, the states of their tokens one after another."""

    tokens: Tokens
    lengths: NDArray[np.int64]
    starts: NDArray[np.int64]

    def batch(self, places: NDArray[np.int64], length: int) -> Array:
        """The tokens of texts of one length, one row each."""
        rows = self.starts[places][:, None] + np.arange(length)
        return np.asarray(self.tokens[rows].astype(np.float32).reshape(-1, WIDTH))


def equally_long(
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    size: int,
    draw: np.random.Generator | None = None,
) -> list[tuple[int, NDArray[np.int64]]]:
    """Batches of texts of one length, which comes first. draw: shuffles them."""
    batches: list[tuple[int, NDArray[np.int64]]] = []
    for length in np.unique(lengths[places]).tolist():
        mine = places[lengths[places] == length]
        mine = mine if draw is None else draw.permutation(mine)
        batches += [(length, mine[at : at + size]) for at in range(0, len(mine), size)]
    return batches if draw is None else [batches[at] for at in draw.permutation(len(batches))]


def base_layers(first: int, end: int) -> list[Layer]:
    """The model's layers as they are."""
    _, weights = read_model(find_weights(WHEEL, WHEEL_FILE).read_bytes())
    return [layer_of(weights, number) for number in range(first, end)]


def states_of(texts: Sequence[str], directory: Path, kept: Path) -> States:
    """The states of texts. directory: of the embedder; kept: the file of those worked out before.

    Texts of more than `MOST_TOKENS` pieces have none: their length is 0.
    """
    known = _read(kept)
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    if missing:
        known |= dict(zip(missing, _worked_out(missing, directory), strict=True))
        _write(kept, known)
    chosen = [known[text] for text in texts]
    lengths = np.array([len(tokens) for tokens in chosen])
    return States(np.concatenate(chosen), lengths, np.cumsum(lengths) - lengths)


def states_in_8_bits(directory: Path) -> Callable[[str], Array]:
    """What the first layers of the int8 model make of a text's pieces, one row each."""
    embedder, model = QuestionEmbedder(directory), onnx.load(directory / "model.onnx")
    norms = [node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"]
    state = norms[2 * IN_8_BITS]
    shape: list[str | int | None] = ["batch", "length", WIDTH]
    model.graph.output.append(onnx.helper.make_tensor_value_info(state, 1, shape))
    first = onnx.utils.Extractor(model).extract_model(["words", "attention_mask"], [state])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(first.SerializeToString(), options)
    return lambda text: np.asarray(session.run([state], embedder.feed_of(text))[0][0])


def _worked_out(texts: list[str], directory: Path) -> Iterator[Tokens]:
    first, layers = states_in_8_bits(directory), base_layers(IN_8_BITS, FROZEN)
    for text in texts:
        rows = first(text).astype(np.float16).astype(np.float32)
        if len(rows) > MOST_TOKENS:
            yield np.zeros((0, WIDTH), np.float16)
            continue
        for layer in layers:
            rows, _ = forward(layer, rows, 1)
        yield rows.astype(np.float16)


def _read(kept: Path) -> dict[str, Tokens]:
    if not kept.is_file():
        return {}
    with np.load(kept, allow_pickle=False) as parts:
        texts: list[str] = json.loads(str(parts["texts"]))
        tokens = np.split(parts["tokens"], np.cumsum(parts["lengths"])[:-1])
        return dict(zip(texts, tokens, strict=True))


def _write(kept: Path, known: dict[str, Tokens]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        kept,
        texts=np.array(json.dumps(list(known))),
        tokens=np.concatenate(list(known.values())),
        lengths=np.array([len(tokens) for tokens in known.values()]),
    )
