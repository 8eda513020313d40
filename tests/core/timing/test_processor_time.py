"""Processor time, shared out among what is computed at the same time."""

from splitfed_core.timing.processor_time import ProcessorTime


class Clock:
    """The processor time of a process that only these tests use."""

    def __init__(self) -> None:
        self.spent = 0.0

    def __call__(self) -> float:
        return self.spent


def test_one_computation_gets_all_that_was_spent_while_it_ran() -> None:
    clock = Clock()
    processor = ProcessorTime(clock)
    for spent in (0.25, 0.5):
        clock.spent += 8.0  # before it begins, and between two
        begun = processor.begin()
        clock.spent += spent
        assert processor.end(begun) == spent


def test_computations_at_the_same_time_get_equal_parts_while_they_overlap() -> None:
    clock = Clock()
    processor = ProcessorTime(clock)
    first = processor.begin()
    clock.spent += 1.0  # the first alone
    second = processor.begin()
    clock.spent += 4.0  # both, on two cores or on one
    third = processor.begin()
    clock.spent += 3.0  # all three
    assert processor.end(first) == 1.0 + 2.0 + 1.0
    clock.spent += 1.0
    assert processor.end(third) == 1.0 + 0.5
    clock.spent += 0.25
    assert processor.end(second) == 2.0 + 1.0 + 0.5 + 0.25


def test_the_process_itself_is_what_is_measured() -> None:
    processor = ProcessorTime()
    begun = processor.begin()
    while processor.end(begun) < 0.001:  # only computing makes it pass
        begun, _ = processor.begin(), sum(range(10_000))
        sum(range(200_000))
