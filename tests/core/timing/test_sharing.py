from math import inf

import pytest

from splitfed_core.timing.links import Link
from splitfed_core.timing.queues import Flow, Message
from splitfed_core.timing.sharing import FairShare, SharedLinks, fair_rates


def message(client: int, step: int = 0) -> Message:
    return Message(client, "uplink", "step", 0, step)


def flow(client: int, sent_s: float, bits: float, step: int = 0, after_s: float = 0.0) -> Flow:
    return Flow(message(client, step), sent_s, bits, after_s)


def one_link(rate_bps: float, clients: int) -> FairShare:
    return FairShare({"link": rate_bps}, [("link",)] * clients)


@pytest.mark.parametrize("flows", range(1, 9))
def test_equal_flows_get_an_equal_part_of_the_rate(flows: int) -> None:
    share = one_link(1000, flows)
    for client in range(flows):
        share.offer(flow(client, 0, 1000))
    assert [share.due(message(client), 0) for client in range(flows)] == pytest.approx([flows] * flows, rel=1e-12)


def test_a_later_message_postpones_one_that_was_promised() -> None:
    share = one_link(1000, 2)
    assert share.offer(flow(0, 0, 1000)) == 1
    assert share.offer(flow(1, 0.5, 1000)) == 2  # half a second alone behind the first
    assert share.due(message(0), 1) == 1.5  # 500 bits alone, 500 at half the rate
    assert share.due(message(0), 1.5) == 1.5
    assert share.due(message(1), 2) == 2


def test_what_was_delivered_is_postponed_no_more() -> None:
    share = one_link(1000, 2)
    share.offer(flow(0, 0, 1000))
    assert share.due(message(0), 1) == 1
    assert share.offer(flow(1, 0.5, 400)) == 1.4  # offered too late: it begins when the first has left
    assert share.due(message(0), 1.2) == 1  # asked once more, by who reads the ledger


def test_a_message_is_known_until_its_client_sends_another() -> None:
    share = one_link(1000, 2)
    share.offer(flow(0, 0, 1000))
    assert share.due(message(0), 1) == share.due(message(0), 1.5) == 1
    share.offer(flow(0, 2, 1000, step=1))
    with pytest.raises(ValueError, match="was never offered, or is long delivered"):
        share.due(message(0), 2)


def test_messages_of_one_client_do_not_compete_with_each_other() -> None:
    share = one_link(1000, 2)
    share.offer(flow(0, 0, 1000))
    share.offer(flow(0, 0, 1000, step=1))
    share.offer(flow(1, 0, 2000))
    assert [share.due(message(0, step), 0) for step in (0, 1)] == [2, 4]
    assert share.due(message(1), 0) == 4


def test_the_tightest_link_divides_first_and_the_others_what_is_left() -> None:
    rates = fair_rates([("a", "s"), ("b", "s"), ("c", "s")], {"a": 1, "b": 10, "c": inf, "s": 10})
    assert rates == [1, 4.5, 4.5]


def test_links_without_a_limit_let_everything_leave_at_once() -> None:
    share = FairShare({"link": inf}, [("link",)] * 2)
    assert share.offer(flow(0, 3, 1e9, after_s=2)) == 5


def test_no_more_leaves_than_the_rate_carries() -> None:
    share, sent = one_link(1000, 4), [(0, 0.0, 700), (1, 0.25, 900), (2, 0.25, 100), (3, 1.5, 1300)]
    for client, sent_s, bits in sent:
        share.offer(flow(client, sent_s, bits))
    last = max(share.due(message(client), 0) for client in range(4))
    assert last == pytest.approx(3, rel=1e-12)  # 3,000 bits, and the line is never idle


def test_what_comes_to_be_does_not_depend_on_who_is_offered_first() -> None:
    flows = [flow(0, 0, 1000 / 3), flow(1, 0.1, 700), flow(2, 0.2, 100 / 7)]
    one, other = one_link(1000, 3), one_link(1000, 3)
    for each in flows:
        one.offer(each)
    for each in reversed(flows):
        other.offer(each)
    assert [one.due(f.message, 0) for f in flows] == [other.due(f.message, 0) for f in flows]


def test_clients_share_a_link_so_many_at_a_time_and_all_share_that_of_the_servers() -> None:
    pair = Link(uplink_bps=100, shared_by=2)
    links = SharedLinks([pair, Link(uplink_bps=50), pair, pair], Link(delay_s=0.5))
    due = [links.offer(Flow(message(client), 0, 100, 0)) for client in range(4)]
    assert due == [1.5, 2.5, 2.5, 1.5]  # 0 and 2 share one, 3 has one for itself
    assert links.due(message(0), 0) == 2.5
