import numpy as np
import pytest

from dev.build_embedder import WIDTH, Weights
from dev.build_multilingual_embedder import TUNED_PRODUCTS, TUNING_SCALE, tune
from dev.question_tuning.layers import Array, Layer, backward, forward

TEXTS, TOKENS, WIDE = 2, 3, 8
DRAW = np.random.default_rng(7)


def drawn(*shape: int) -> Array:
    return (DRAW.standard_normal(shape) * 0.05).astype(np.float32)


def layer() -> Layer:
    shapes = dict.fromkeys(TUNED_PRODUCTS, (WIDTH, WIDTH))
    shapes |= {"wide": (WIDTH, WIDE), "narrow": (WIDE, WIDTH)}
    made = {name: drawn(*shape) for name, shape in shapes.items()}
    made |= {f"{name} bias": drawn(shape[1]) for name, shape in shapes.items()}
    for norm in ("inner", "outer"):
        made |= {norm: 1 + drawn(WIDTH), f"{norm} bias": drawn(WIDTH)}
    return made


@pytest.mark.parametrize("product", [*TUNED_PRODUCTS, "into"])
def test_the_gradient_is_that_of_a_small_step(product: str) -> None:
    mine, into, wanted = layer(), drawn(TEXTS * TOKENS, WIDTH) * 20, drawn(TEXTS * TOKENS, WIDTH)
    gradients: dict[str, Array] = {}
    out, trace = forward(mine, into, TEXTS)

    def on_gradient(name: str, before: Array, after: Array) -> None:
        gradients[name] = before.T @ after

    gradients["into"] = backward(mine, trace, wanted, on_gradient)
    step = drawn(*gradients[product].shape) * np.float32(0.05)
    moved = mine if product == "into" else {**mine, product: mine[product] + step}
    after, _ = forward(moved, into + step if product == "into" else into, TEXTS)
    change = float(((after - out).astype(np.float64) * wanted).sum())
    assert change == pytest.approx(float((gradients[product] * step).sum()), rel=0.05, abs=2e-5)


def test_a_change_is_added_to_its_matrix_alone() -> None:
    place = "encoder.layer.11.intermediate.dense.weight"
    weights: Weights = {place: drawn(5, 4), "another": drawn(2, 2)}
    before = {name: part.copy() for name, part in weights.items()}
    first, second = drawn(4, 2), drawn(2, 5)
    tune(weights, {"11.wide.A": first, "11.wide.B": second})
    assert weights[place] == pytest.approx(before[place] + TUNING_SCALE * (first @ second).T)
    assert (weights["another"] == before["another"]).all()
