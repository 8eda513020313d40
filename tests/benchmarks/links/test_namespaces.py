"""The token bucket of the kernel, where there is root: what it witnesses, and that nothing of it stays."""

from pathlib import Path

import pytest

from benchmarks.links import namespaces
from benchmarks.links.namespaces import Namespaces, burst_bytes, lead_bytes, require_root, smallest_bytes
from benchmarks.links.witness import WitnessMissingError


@pytest.fixture
def between() -> "Namespaces":
    try:
        require_root()
        with Namespaces():
            return Namespaces()
    except WitnessMissingError as error:
        pytest.skip(str(error))


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


def test_a_bucket_holds_what_the_link_carries_in_600_microseconds_and_never_less_than_two_frames() -> None:
    assert [burst_bytes(mbit) for mbit in (1, 100, 1000)] == [4000, 7500, 75_000]
    assert [smallest_bytes(mbit) for mbit in (1, 100, 1000)] == [40_000, 75_000, 750_000]


def test_the_lead_empties_the_bucket_and_ends_with_a_frame() -> None:
    assert lead_bytes(100) == 21 * 1448  # 30 kB are 20.7 frames
    assert lead_bytes(100) >= 4 * burst_bytes(100)


def test_the_kernel_lets_a_message_through_no_faster_than_its_rate(between: Namespaces) -> None:
    with between as link:
        link.shape(uplink_mbit=121.12, downlink_mbit=242.24)
        # 0.1 and 0.05 s; where the taker of the bytes was woken late at the end of the lead, it looks less.
        assert max(link.transfer("uplink", 1_448_000) for _ in range(3)) >= 0.099
        assert max(link.transfer("downlink", 1_448_000) for _ in range(3)) >= 0.0495


def test_nothing_stays_after_an_interrupt_in_the_middle(between: Namespaces) -> None:
    before = interfaces()
    seen: list[int] = []

    def interrupted() -> None:
        with between as link:
            seen.extend(end.process.pid for end in (link._client, link._server))
            assert len({Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", *seen)}) == 3
            assert interfaces() == before  # of the host: none came
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [pid for pid in seen if Path(f"/proc/{pid}").exists()] == []  # and with its process goes a namespace


def test_without_root_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: f"/usr/sbin/{tool}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(WitnessMissingError, match=r"needs root: run the command with sudo"):
        require_root()


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "tc" else f"/usr/sbin/{tool}")
    with pytest.raises(WitnessMissingError, match=r"^tc not found: install iproute2"):
        require_root()


def test_a_kernel_that_refuses_is_a_reason_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "require_root", lambda: None)
    monkeypatch.setattr(namespaces, "_UNSHARE", ("false",))
    with pytest.raises(WitnessMissingError, match=r"^network namespaces cannot be made here: "), Namespaces():
        pass
