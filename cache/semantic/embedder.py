"""Text embedders: MiniLM in this process, or an OpenAI endpoint. What is a text as a vector?

Vectors have unit length and carry the embedder's version; versions are never compared.
"""

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import numpy as np
from numpy.typing import NDArray

from cache.verification.quantized_embedding import Vector

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS: Final = 128
OPENAI_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class NoEmbedder(Exception):  # noqa: N818 - says what is the matter
    """The embedder can't be had: `problem`, and what to do."""

    problem: str

    def __str__(self) -> str:
        return self.problem


@dataclass(frozen=True, slots=True)
class Embedding:
    """A text as vectors."""

    sentence: Vector
    """Of unit length, for the search; shape (width,)."""
    ids: NDArray[np.int64]
    """Its word pieces, for the verifier; shape (pieces,), none from an endpoint."""
    tokens: Vector
    """The pieces' vectors in context; shape (pieces, width)."""


NO_IDS: Final[NDArray[np.int64]] = np.zeros(0, dtype=np.int64)
NO_TOKENS: Final[Vector] = np.zeros((0, 0), dtype=np.float32)


class Embedder(Protocol):
    """Turns a text into vectors."""

    @property
    def version(self) -> str:
        """Names model and recipe: a short text, the same only for comparable vectors."""
        ...

    async def embed(self, text: str) -> Embedding:
        """May raise OSError or TimeoutError; never blocks the event loop."""
        ...


class LocalEmbedder:
    """MiniLM as int8 ONNX: about 2 ms a text, each text on one thread of a small pool."""

    def __init__(self, directory: Path, threads: int = 2) -> None:
        """Raises NoEmbedder when the model isn't there or is damaged."""
        self.version, self._session, self._tokenizer = _load(directory)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")

    async def embed(self, text: str) -> Embedding:
        """The embedding of a text, made on a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.embed_now, text)

    def embed_now(self, text: str) -> Embedding:
        """The same on the calling thread, for commands.

        One text at a time: int8 scales span a batch, so a text's vector would depend on the others.
        """
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        # the first and last piece are the model's own marks, no words
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        sentence, tokens = self._session.run(["sentence", "tokens"], feed)
        return Embedding(sentence[0], ids[0, 1:-1], tokens[0, 1:-1])

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class OpenAiEmbedder:
    """Any endpoint that speaks OpenAI's `POST /embeddings`."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, model: str, api_key: str | None
    ) -> None:
        self.version = endpoint_version(base_url, model)
        self._session = session
        self._url = base_url.rstrip("/") + "/embeddings"
        self._model = model
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}

    async def embed(self, text: str) -> Embedding:
        """Raises OSError for whatever the endpoint does, TimeoutError when it is late."""
        body = {"model": self._model, "input": text, "encoding_format": "float"}
        timeout = aiohttp.ClientTimeout(OPENAI_TIMEOUT_S)
        try:
            async with self._session.post(
                self._url, json=body, headers=self._headers, timeout=timeout
            ) as response:
                response.raise_for_status()
                sentence = _unit((await response.json())["data"][0]["embedding"])
                return Embedding(sentence, NO_IDS, NO_TOKENS)
        except (aiohttp.ClientError, ValueError, LookupError, TypeError) as error:
            raise OSError(f"the embeddings endpoint failed: {type(error).__name__}") from None


def endpoint_version(base_url: str, model: str) -> str:
    """Names an endpoint's vectors: the same address and model, the same version."""
    return "openai-" + hashlib.sha256(f"{base_url} {model}".encode()).hexdigest()[:12]


def _load(directory: Path) -> "tuple[str, Any, Tokenizer]":
    # tens of megabytes, which a worker without a local embedder hasn't got
    import onnxruntime  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        about = json.loads((directory / "version.json").read_text())
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        session = onnxruntime.InferenceSession(
            str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 - onnxruntime and tokenizers raise their own kinds
        raise NoEmbedder(
            f"no embedder in {directory} ({error}); build it with `make embedder`, or name the"
            " folder of one in switchgear.yaml as cache.embedder.directory"
        ) from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return f"{about['name']}-{about['weights']}-{about['recipe']}", session, tokenizer


def _unit(values: list[float]) -> Vector:
    vector = np.asarray(values, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.ndim != 1 or not np.isfinite(length) or length == 0:
        raise ValueError("not a vector")
    return vector / np.float32(length)
