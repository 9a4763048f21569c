"""Peer products' side of `bench.cache_peers`: runs in a virtual environment of its own.

    python bench/cache_peer_products.py PAIRS.jsonl VECTORS.npz REDIS_URL OUTPUT.json

Imports nothing of ours; writes into the folder it is run in. Every product gets the vectors through
its public embedding interface. For each pair one entry is kept, the other question is asked, and
whatever the product answers is a hit.
"""
# ruff: noqa: PLC0415 - the products are there in that environment alone

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Embed = Callable[[str], Any]


def redisvl_hits(pairs: list[dict[str, Any]], embed: Embed, url: str) -> Iterator[bool]:
    """RedisVL's SemanticCache with its default distance threshold of 0.1."""
    from redisvl.extensions.cache.llm import SemanticCache
    from redisvl.utils.vectorize import CustomVectorizer

    vectorizer = CustomVectorizer(embed=lambda text, **_: [float(x) for x in embed(text)])
    cache = SemanticCache(name="peers", redis_url=url, vectorizer=vectorizer, overwrite=True)
    for pair in pairs:
        cache.store(prompt=pair["a"], response="kept")
        yield bool(cache.check(prompt=pair["b"]))
        cache.clear()


def gptcache_hits(pairs: list[dict[str, Any]], embed: Embed, size: int) -> Iterator[bool]:
    """GPTCache as its `init_similar_cache` sets it up: sqlite, faiss, distance, threshold 0.8."""
    from gptcache import Cache, Config
    from gptcache.adapter.api import get, put
    from gptcache.manager import CacheBase, VectorBase, get_data_manager
    from gptcache.processor.pre import get_prompt
    from gptcache.similarity_evaluation import SearchDistanceEvaluation

    for at, pair in enumerate(pairs):
        data = get_data_manager(
            CacheBase("sqlite", sql_url=f"sqlite:///kept-{at}.db"),
            VectorBase("faiss", dimension=size, index_path=f"faiss-{at}.index"),
        )
        cache = Cache()
        cache.init(
            pre_embedding_func=get_prompt,
            embedding_func=lambda text, **_: np.asarray(embed(text), dtype=np.float32),
            data_manager=data,
            similarity_evaluation=SearchDistanceEvaluation(),
            config=Config(disable_report=True),
        )
        put(pair["a"], "kept", cache_obj=cache)
        yield get(pair["b"], cache_obj=cache) is not None


def main(pairs_file: str, vectors_file: str, url: str, output: str) -> None:
    """Writes, by product, 0 or 1 for each pair."""
    lines = Path(pairs_file).read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    stored = np.load(vectors_file)
    vectors = dict(zip(json.loads(str(stored["texts"])), stored["vectors"], strict=True))
    # a vectorizer is tried with a text of the product's own when it is made
    any_vector = stored["vectors"][0]

    def embed(text: str) -> Any:  # noqa: ANN401 - numpy's, which each product takes as it likes
        return vectors.get(text, any_vector)

    hits = {
        "RedisVL SemanticCache": [int(hit) for hit in redisvl_hits(pairs, embed, url)],
        "GPTCache": [int(hit) for hit in gptcache_hits(pairs, embed, stored["vectors"].shape[1])],
    }
    Path(output).write_text(json.dumps(hits), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
