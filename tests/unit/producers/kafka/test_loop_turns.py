"""Does a reader of many records let others run?"""

from producers.kafka.loop_turns import LoopTurns


def test_a_reader_that_held_the_loop_long_enough_gives_it_up() -> None:
    now = 0.0
    turns = LoopTurns(lambda: now)
    assert not turns.over()
    now = 0.011
    assert turns.over()
    assert not turns.over()
    now = 0.5  # it waited for records meanwhile
    turns.begin()
    assert not turns.over()
