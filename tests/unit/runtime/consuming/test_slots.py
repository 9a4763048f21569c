"""Slots: batch records hold what the interactive ones leave idle."""

from runtime.consuming.slots import Slots


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def begun(slots: Slots, *, interactive: bool) -> int:
    """How many more of the class could begin."""
    number = 0
    while slots.take():
        if not interactive and not slots.may_be_batch():
            slots.give_back()
            break
        slots.began(interactive=interactive)
        number += 1
    return number


def test_batch_alone_holds_all_but_an_eighth() -> None:
    assert begun(Slots(32), interactive=False) == 28
    assert begun(Slots(8), interactive=False) == 7
    assert begun(Slots(2), interactive=False) == 1
    assert begun(Slots(1), interactive=False) == 1


def test_batch_leaves_what_interactive_ones_held_lately() -> None:
    clock = Clock()
    slots = Slots(16, clock)
    for _ in range(10):
        assert slots.take()
        slots.began(interactive=True)
    for _ in range(10):
        slots.release(interactive=True)
    assert begun(slots, interactive=False) == 6
    clock.now = 45.0
    assert begun(slots, interactive=False) == 0
    clock.now = 80.0
    assert begun(slots, interactive=False) == 8


def test_interactive_ones_take_every_slot() -> None:
    slots = Slots(8, Clock())
    assert begun(slots, interactive=True) == 8
    for _ in range(8):
        slots.release(interactive=True)
    # one batch record goes on whatever the others need
    assert begun(slots, interactive=False) == 1
