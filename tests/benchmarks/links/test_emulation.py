"""The emulation as it is asked: real gRPC, real holds; a link may be late, and is never early."""

from collections.abc import Iterator

import pytest

from benchmarks.links import measure as module
from benchmarks.links.emulation import Emulation
from benchmarks.links.measure import LINKS, measure, verified_links
from benchmarks.links.witness import DIRECTIONS, WitnessMissingError
from splitfed_core.timing.links import Link

SLOW = Link(uplink_bps=12.112e6, downlink_bps=24.224e6, delay_s=0.02)

_LENGTHS = 6
"""Bytes: protobuf writes three lengths into a message, each in the more bytes the larger it is."""


@pytest.fixture(scope="module")
def emulation() -> Iterator[Emulation]:
    with Emulation() as running:
        yield running


def test_the_rules_expect_frames_and_the_delay(emulation: Emulation) -> None:
    assert emulation.expected_s(SLOW, "uplink", 144_800) == pytest.approx(0.1 + 0.02)
    assert emulation.expected_s(SLOW, "downlink", 144_800) == pytest.approx(0.05 + 0.02)


def test_a_message_takes_at_least_what_its_link_takes(emulation: Emulation) -> None:
    with emulation.over(SLOW) as way:
        assert way.transfer("uplink", 144_800) >= emulation.expected_s(SLOW, "uplink", 144_800 - _LENGTHS)
        assert way.transfer("downlink", 144_800) >= emulation.expected_s(SLOW, "downlink", 144_800 - _LENGTHS)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("num_bytes", [1_000, 100_000, 10_000_000])
def test_a_message_has_the_size_that_is_asked_for(emulation: Emulation, direction: str, num_bytes: int) -> None:
    with emulation.over(None) as way:
        framing = way._framing[direction]  # type: ignore[attr-defined]  # of a way that has one
        _, sent_bytes = way._sent(direction, num_bytes - framing)  # type: ignore[attr-defined]  # as above
        assert abs(sent_bytes - num_bytes) <= _LENGTHS


def test_emulation_and_relay_carry_the_same_messages(emulation: Emulation, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise WitnessMissingError("not asked")

    monkeypatch.setattr(module, "Namespaces", missing)
    up, down = [line for line in measure({"slow": SLOW}, emulation, lambda _: None, [10_000]) if not line.skipped]
    assert [line.direction for line in (up, down)] == list(DIRECTIONS)
    assert min(up.witness_s) >= up.expected_s
    assert min(down.emulated_s) >= down.expected_s * (1 - 1e-3)


def test_six_presets_are_verified_without_jitter() -> None:
    links = verified_links()
    assert len(links) == len(LINKS) == 6
    assert {link.jitter_s for link in links.values()} == {0.0}
