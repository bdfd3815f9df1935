import io

from rich.console import Console

from forgefield.app.progress import BarProgress, LineProgress, Remaining, duration, progress_on


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_durations_are_readable() -> None:
    seconds = (0.04, 9.94, 9.96, 59.4, 59.6, 185, 3599.6, 7800, 360000)
    assert [duration(each) for each in seconds] == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "59 s",
        "1 min 00 s",
        "3 min 05 s",
        "1 h 00 min",
        "2 h 10 min",
        "100 h 00 min",
    ]


def test_remaining_time_follows_the_pace() -> None:
    clock = Clock()
    remaining = Remaining(clock)
    clock.now += 4.0
    assert remaining.after(1, 5) == 16.0
    clock.now += 2.0
    assert remaining.after(3, 5) == 4.0
    assert remaining.after(5, 5) == 0.0


def test_parts_done_before_an_interruption_do_not_count_as_pace() -> None:
    clock = Clock()
    remaining = Remaining(clock)
    clock.now += 1.0
    assert remaining.after(50, 100) is None
    clock.now += 10.0
    assert remaining.after(52, 100) == 240.0


def test_lines_are_few_and_say_what_is_left() -> None:
    stream, clock = io.StringIO(), Clock()
    with LineProgress(Console(file=stream, width=40), clock) as progress:
        progress.step(
            "00/label", "reference calculations with [gpaw] 26.7.0, which is a long line for this console"
        )
        for done in range(1, 41):
            clock.now += 1.0
            progress.advance(done, 40, "[Si8] rattle")
        progress.note("a calculation failed")
        progress.finish("00/label", "40 of 40 structures labelled", 40.0)
    lines = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    assert lines == [
        "00/label: reference calculations with [gpaw] 26.7.0, which is a long line for this console",
        "00/label: 15 of 40, 25 s left ([Si8] rattle)",
        "00/label: 30 of 40, 10 s left ([Si8] rattle)",
        "note: a calculation failed",
        "00/label: done in 40 s: 40 of 40 structures labelled",
    ]


def test_bars_show_step_count_and_what_is_computed() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=160)
    progress = progress_on(console)
    assert isinstance(progress, BarProgress)
    with progress:
        progress.step("01/train", "training the potential")
        progress.advance(3, 10, "force RMSE [0.1]")
        progress.bars.refresh()
        drawn = stream.getvalue()
        progress.note("something [odd] happened")
        progress.finish("01/train", "17 structures", 12.0)
    assert "01/train" in drawn
    assert "3/10" in drawn
    assert "force RMSE [0.1]" in drawn
    assert "something [odd] happened" in stream.getvalue()
    assert "17 structures" in stream.getvalue()


def test_logs_get_lines() -> None:
    assert isinstance(progress_on(Console(file=io.StringIO())), LineProgress)
