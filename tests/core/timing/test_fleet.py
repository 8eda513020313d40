from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from splitfed_core.timing.fleet import Form, largest_remainder, members


@pytest.mark.parametrize(
    ("shares", "total", "counts"),
    [
        ([0.7, 0.3], 10, [7, 3]),
        ([0.7, 0.3], 3, [2, 1]),  # quotas 2.1 and 0.9
        ([0.5, 0.5], 5, [3, 2]),  # equal remainders: the earlier one
        ([0.1, 0.2, 0.7], 30, [3, 6, 21]),
        ([0.9, 0.1], 1, [1, 0]),
        ([1 / 3, 1 / 3, 1 / 3], 9, [3, 3, 3]),
        ([0.29, 0.71], 100, [29, 71]),  # 28.999999999999996
        ([0.7, 0.3], 45, [32, 13]),  # 31.5 and 13.5: equal, though 0.7 · 45 is 31.499999999999996
    ],
)
def test_shares_are_divided_by_largest_remainder(shares: list[float], total: int, counts: list[int]) -> None:
    assert largest_remainder(shares, total) == counts


@given(some.lists(some.integers(1, 100), min_size=1, max_size=6), some.integers(1, 300))
def test_everyone_gets_something_and_nobody_is_more_than_one_off(weights: list[int], total: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    counts = largest_remainder(shares, total)
    assert sum(counts) == total
    assert all(abs(count - share * total) < 1 + 1e-6 for count, share in zip(counts, shares, strict=True))


MIX: Form = {"name": "mix", "of": {"lte": 0.7, "wifi": 0.3}}


def test_a_mix_is_dealt_by_its_shares_to_clients_whom_the_seed_chooses() -> None:
    fleets = {seed: members(MIX, 10, seed, "link") for seed in range(20)}
    assert all(Counter(str(form["name"]) for form in fleet) == {"lte": 7, "wifi": 3} for fleet in fleets.values())
    assert fleets[3] == members(MIX, 10, 3, "link")
    assert len({tuple(str(form) for form in fleet) for fleet in fleets.values()}) > 10


def test_two_mixes_of_a_cell_are_dealt_apart() -> None:
    assert any(members(MIX, 10, seed, "link") != members(MIX, 10, seed, "device") for seed in range(3))


def test_one_for_each_client_or_the_same_for_all() -> None:
    of: list[object] = [{"name": "lte"}, {"name": "wifi"}]
    assert members({"name": "per_client", "of": of}, 2, 0, "link") == ({"name": "lte"}, {"name": "wifi"})
    assert members({"name": "lte"}, 3, 0, "link") == ({"name": "lte"},) * 3
