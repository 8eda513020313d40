import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise, permutations
from time import sleep
from typing import Any, NamedTuple

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError, StragglerError
from splitfed_core.federation.build_main import build_main_server
from splitfed_core.roles.body_server import BodyServer
from splitfed_core.roles.main_server import MainServer
from splitfed_core.roles.step_order import ArrivalTurns
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.pace import Place
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.verification.rounding import difference, rounding
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.in_process import InProcessTransport

WIDTH = 200  # of the smashed data of `mlp` at dense1
Make = Callable[..., Any]
Asked = tuple[Call[Array], Reply[Array]]


def request(client: int, step: int, round: int = 0, size: int = 8) -> Call[Array]:
    """Return the same request for the same arguments."""
    rng = np.random.default_rng([client, round, step])
    smashed, labels = rng.random((size, WIDTH), dtype=np.float32), rng.integers(0, 10, size).astype(np.uint8)
    return Call(Kind.TRAIN_STEP, Address(client, round, step), (smashed, labels))


def end(server: MainServer, client: int) -> tuple[float, ...]:
    """End round 0 of a client; returns its update times."""
    return server.end_round(Call(Kind.END_ROUND, Address(client, 0))).server_update_s


def predict(server: MainServer, client: int, smashed: Array) -> Array:
    """Return the logits of smashed data."""
    (logits,) = server.predict(Call(Kind.PREDICT, Address(client), (smashed,))).tensors
    return logits


@pytest.fixture
def make(federations: Any) -> Iterator[Make]:
    """Build main servers of so many clients, two mini-batches each in a round."""
    made: list[MainServer | BodyServer] = []

    def build(clients: int, **parameters: Any) -> MainServer | BodyServer:
        config = federations.config(clients=clients, **parameters)
        examples = dict.fromkeys(range(clients), 16)
        made.append(build_main_server(federations.key, config, federations.shape, examples, replicas=2))
        return made[-1]

    yield build
    for server in made:
        server.close()


class Diary:
    """A pace that notes, and holds as long as it is told to before it lets go."""

    def __init__(self, shares: StepShares) -> None:
        self.events: list[str] = []
        self._shares = shares

    def begin(self, client_id: int) -> None:
        self.events.append(f"begin {client_id}")

    def hold(self, place: Place, client_id: int) -> None:
        self.events.append(f"hold {place} {client_id}")
        self._shares.add(client_id, "device_s", {"server_compute": 0.5, "server_forward": 0.25}.get(place, 8.0))
        self._shares.add(client_id, "late_s", 0.125)


class NotedTurns(ArrivalTurns):
    """Turns whose ends are noted."""

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self._events = events

    def release(self, model: int) -> None:
        self._events.append("end of turn")
        super().release(model)


def test_a_slow_server_holds_its_step_and_its_update_inside_the_turn(federations: Any) -> None:
    shares = StepShares(["device_s", "late_s"])
    pace, config = Diary(shares), federations.config(clients=2)
    step = CellNetwork(config, federations.shape, 7).server_segment()
    server = MainServer([step], NotedTurns(pace.events), participants=2, pace=pace, shares=shares)
    for client in (0, 1):
        server.step(request(client, 0))
    ended = server.end_round(Call(Kind.END_ROUND, Address(1, 0)))
    server.close()
    of_a_step = "begin {0}", "hold server_compute {0}", "begin {0}", "hold server_update {0}", "end of turn"
    assert pace.events == [event.format(client) for client in (0, 1) for event in of_a_step]
    assert (ended.server_device_s, ended.server_late_s) == ((0.5,), (0.25,))  # late: both; held: the computing alone


def test_a_slow_body_holds_both_its_passes_and_its_update(federations: Any) -> None:
    shares = StepShares(["device_s", "late_s"])
    pace = Diary(shares)
    config = federations.config(clients=1, algorithm="ushape", cut_layer=["dense1", "dense2"])
    body = CellNetwork(config, federations.shape, 7).body_segment()
    server = BodyServer(body, NotedTurns(pace.events), hold=False, participants=1, pace=pace, shares=shares)
    smashed = request(0, 0).tensors[0]
    (output,) = server.forward(Call(Kind.FORWARD_BODY, Address(0), (smashed,))).tensors
    server.backward(Call(Kind.BACKWARD_BODY, Address(0), (output,)))
    ended = server.end_round(Call(Kind.END_ROUND, Address(0)))
    server.close()
    forward, backward = ["begin 0", "hold server_forward 0"], ["begin 0", "hold server_compute 0"]
    update = ["begin 0", "hold server_update 0", "end of turn"]
    assert pace.events == [*forward, "end of turn", *backward, *update]
    assert (ended.server_device_s, ended.server_late_s) == ((0.75,), (0.375,))


class Watched(ArrivalTurns):
    """Turns that say when somebody asks for one."""

    asked = threading.Event()

    def acquire(self, round: int, client_id: int, step: int) -> int:
        self.asked.set()
        return super().acquire(round, client_id, step)


class Held(NamedTuple):
    """A server whose optimizer waits until it may go on, and fails at its third step."""

    server: MainServer
    go: threading.Event
    turns: Watched


@pytest.fixture
def held(federations: Any) -> Iterator[Held]:
    segment = CellNetwork(federations.config(), federations.shape, federations.key.seed).server_segment()
    update, go, turns = segment.update, threading.Event(), Watched()
    done: list[int] = []

    def held_update(gradients: Any) -> None:
        done.append(len(done))
        go.wait(60)
        if len(done) == 3:
            raise ArithmeticError("the optimizer broke down")
        update(gradients)

    segment.update = held_update
    server = MainServer([segment], turns, participants=1)
    yield Held(server, go, turns)
    go.set()
    server.close()


def all_at_once(server: MainServer, clients: int, steps: int) -> list[Asked]:
    """Let all clients step from threads of their own, their first calls at the same moment."""
    transport, together = client_stack(InProcessTransport(server_gate(server)), Counters()), threading.Barrier(clients)

    def run(client: int) -> list[Asked]:
        together.wait()
        return [(r, transport.exchange(r)) for r in (request(client, step) for step in range(steps))]

    with ThreadPoolExecutor(clients) as pool:
        done = [pair for pairs in pool.map(run, range(clients)) for pair in pairs]
    return sorted(done, key=lambda pair: pair[1].stamps.started)


def losses(replies: Sequence[Asked]) -> list[float]:
    return [reply.loss for _, reply in replies]


def same_bits(ours: MainServer, theirs: MainServer) -> bool:
    return all((a == b).all() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))


def test_steps_of_many_threads_are_those_of_one_thread_in_the_order_of_their_turns(make: Make) -> None:
    busy, calm = make(6), make(6)
    done = all_at_once(busy, clients=6, steps=5)  # the notebook has no lock
    assert losses(done) == [calm.step(asked).loss for asked, _ in done]
    assert same_bits(busy, calm)
    turns = [(reply.stamps.started, reply.stamps.computed) for _, reply in done]
    assert all(before[1] <= after[0] for before, after in pairwise(turns))


def test_the_optimizer_is_ready_before_the_first_of_many_calls_at_once(make: Make) -> None:
    for _ in range(3):  # the notebook's, built inside them, crashed in half of its starts
        server = make(8)
        all_at_once(server, clients=8, steps=1)
        assert [len(end(server, client)) for client in range(8)] == [1] * 8


def test_every_step_has_one_update_time_told_once(make: Make) -> None:
    server = make(2)
    for client, step in ((0, 0), (1, 0), (0, 1)):
        server.step(request(client, step))
    times = {client: end(server, client) for client in (0, 1)}
    assert {client: len(found) for client, found in times.items()} == {0: 2, 1: 1}
    assert all(time > 0 for found in times.values() for time in found)
    assert end(server, 0) == ()


def test_the_reply_does_not_wait_for_the_update_but_the_next_step_does(held: Held, make: Make) -> None:
    replies = [held.server.step(request(0, 0))]  # is here, and the update has not gone on
    held.turns.asked.clear()
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(held.server.step, request(0, 1))
        assert held.turns.asked.wait(60)
        sleep(0.2)
        held.go.set()
        replies.append(second.result(60))
    assert replies[1].stamps.started - replies[1].stamps.decoded >= 0.2  # seen as `server_queue`
    assert end(held.server, 0)[0] >= 0.2
    plain = make(1)  # and it sees the updated weights
    assert [reply.loss for reply in replies] == [plain.step(request(0, step)).loss for step in range(2)]


def test_a_failed_update_is_told_by_whatever_comes_next(held: Held) -> None:
    server = held.server
    held.go.set()
    for step in range(3):
        server.step(request(0, step))  # the third reply is out before its update fails
    for call in (
        lambda: server.step(request(0, 3)),
        lambda: end(server, 0),
        lambda: predict(server, 0, request(0, 0).tensors[0]),
    ):
        with pytest.raises(ArithmeticError, match="broke down"):
            call()


def test_a_step_that_fails_leaves_the_server_to_the_others(make: Make) -> None:
    server, plain = make(2), make(2)
    wrong = np.zeros((8, WIDTH + 1), np.float32)
    with pytest.raises(RemoteError, match=r"smashed: float32\[8, 201\], but .* takes float32\[batch ≥ 1, 200\]"):
        server.step(request(0, 0).carrying((wrong, request(0, 0).tensors[1])))
    assert server.step(request(1, 0)).loss == plain.step(request(1, 0)).loss


def test_predictions_train_nothing(make: Make) -> None:
    server = make(1)
    before = server.get_weights()
    logits = predict(server, 0, request(0, 0).tensors[0])
    assert logits.shape == (8, 10)
    assert all((a == b).all() for a, b in zip(before, server.get_weights(), strict=True))


def test_in_fixed_order_messages_wait_for_their_turn_whenever_they_come(make: Make) -> None:
    orders = []
    for arriving in ((0, 1, 2), (2, 1, 0)):
        server = make(3, order="fixed")
        with ThreadPoolExecutor(3) as pool:
            calls = {client: pool.submit(server.step, request(client, 0)) for client in arriving}
            started = {client: call.result(60).stamps.started for client, call in calls.items()}
        orders.append((sorted(started, key=started.__getitem__), {c: calls[c].result().loss for c in range(3)}))
    assert orders[0] == orders[1]


def test_in_fixed_order_nobody_waits_for_ever_for_a_lost_client(make: Make) -> None:
    server = make(2, order="fixed", timeout_s=0.3)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(server.step, request(client, 1)) for client in (0, 1)]  # nobody sends step 0
        for call in calls:
            with pytest.raises(
                StragglerError, match=r"step 1 of client \d waited 0.3 s for \(client, step\) \(\d, 0\)"
            ):
                call.result(60)


def test_copies_train_apart_and_are_averaged_by_examples_when_all_have_ended(make: Make) -> None:
    together = make(2, algorithm="sflv1")
    alone = [make(2, algorithm="sflv1", participation=1) for _ in range(2)]  # averaged with nobody's
    for client, size in enumerate((6, 2)):
        for server in (together, alone[client]):
            server.step(request(client, 0, size=size))
            end(server, client)
    first, second = (server.get_weights() for server in alone)
    for mean, one, other in zip(together.get_weights(), first, second, strict=True):
        assert difference(mean, (6 * one + 2 * other) / 8) <= rounding(2 * 2 + 1, np.float32)


def test_copies_that_predict_at_the_same_time_stay_whole(make: Make) -> None:
    busy, calm = make(6, algorithm="sflv1"), make(6, algorithm="sflv1")
    for server in (busy, calm):
        for client in range(6):
            server.step(request(client, 0))
    asked = [(client, request(client, 100 + n).tensors[0]) for n in range(20) for client in range(6)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda ask: predict(busy, *ask), asked))
    assert [a.tobytes() for a in answers] == [predict(calm, *ask).tobytes() for ask in asked]
    then = [request(client, 1) for client in range(6)]
    assert [busy.step(r).loss for r in then] == [calm.step(r).loss for r in then]


def test_copies_train_alike_at_whichever_replica_is_free(make: Make, federations: Any) -> None:
    busy, calm = make(5, algorithm="sflv1"), make(5, algorithm="sflv1", participation=1)
    done = all_at_once(busy, clients=5, steps=8)
    assert (busy.replicas, calm.replicas) == (2, 1)
    assert losses(done) == [calm.step(asked).loss for asked, _ in done]


def test_copies_are_averaged_alike_in_whatever_order_clients_end(make: Make) -> None:
    averages = set()
    for order in islice(permutations(range(4)), 0, None, 5):
        server = make(4, algorithm="sflv1")
        for client in order:
            server.step(request(client, 0, size=3 + 2 * client))
        for client in order:
            end(server, client)
        averages.add(b"".join(weight.tobytes() for weight in server.get_weights()))
    assert len(averages) == 1
