import time

from sparft_verl.overhead import Stopwatch


def test_nested_blocks_count_once_and_take_starts_again_at_zero() -> None:
    watch = Stopwatch()
    begin = time.perf_counter()
    with watch:
        with watch:
            time.sleep(0.02)
        time.sleep(0.01)
    wall = time.perf_counter() - begin
    seconds = watch.take()
    assert 0.03 <= seconds <= wall
    assert watch.take() == 0.0


def test_a_block_that_raises_is_counted_and_closed() -> None:
    watch = Stopwatch()
    try:
        with watch:
            raise KeyError
    except KeyError:
        pass
    assert watch.take() > 0.0
    with watch:
        pass
    assert watch.take() < 1.0
