from gateway.queues.queue_history import QueueEstimate, QueueHistory, QueueSample


def history(*samples: tuple[float, int, int], members: int = 1) -> QueueHistory:
    made = QueueHistory()
    for at_s, written, committed in samples:
        made.add(QueueSample(at_s, written, committed, members))
    return made


def test_a_request_waits_for_those_before_it_at_the_rate_of_the_last_minute() -> None:
    queue = history((0, 100, 0), (10, 120, 50))
    assert queue.estimate(0) == QueueEstimate(50, 10.0)
    assert queue.estimate(5) == QueueEstimate(70, 14.0)
    assert queue.estimate(99) == QueueEstimate(70, 14.0)


def test_nobody_knows_before_the_first_look_and_without_progress() -> None:
    assert QueueHistory().estimate(0) is None
    assert history((0, 5, 5)).estimate(0) == QueueEstimate(0, 0.0)
    assert history((0, 9, 5), (10, 9, 5)).estimate(0) == QueueEstimate(4, None)


def test_what_lately_began_tells_how_long_a_request_waits() -> None:
    queue = history((0, 9, 5))
    for waited_s in (30, 40, 50):
        queue.add_wait(100, waited_s)
    assert queue.wait_s(105) == 40
    assert queue.wait_s(111) == 0


def test_one_slow_call_holds_up_the_commits_and_nobody_else() -> None:
    assert history((0, 1, 0), (600, 900, 0)).wait_s(600) == 0


def test_with_nobody_there_the_oldest_request_tells_it() -> None:
    queue = history((0, 5, 5), (10, 6, 5), (50, 90, 5), members=0)
    assert queue.wait_s(60) == 50
    assert history((0, 5, 5), members=0).wait_s(99) == 0


def test_a_topic_made_anew_begins_anew() -> None:
    queue = history((0, 1000, 900), (10, 3, 0), (20, 3, 1))
    assert queue.estimate(5) == QueueEstimate(2, 20.0)


def test_old_looks_are_forgotten() -> None:
    queue = history(*((at_s, at_s, at_s) for at_s in range(0, 5000, 2)))
    assert len(queue._samples) == 301  # noqa: SLF001 its memory is bounded
