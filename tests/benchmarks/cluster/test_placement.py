import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.cluster.nodes import NodeFacts, check_versions
from benchmarks.cluster.placement import Node, Placement
from benchmarks.machine.environment import environment, environment_hash, load
from benchmarks.store.run_directory import RunDirectory
from benchmarks.sweep.attempt import Attempter
from splitfed_core.errors import ConfigError

HEAD, SMALL, LARGE = Node("h" * 9, "10.0.0.1", 2), Node("s" * 9, "10.0.0.2", 2), Node("l" * 9, "10.0.0.3", 4)


def placed(nodes: list[Node], workers: int) -> Placement:
    placement = Placement(nodes)
    for _ in range(workers):
        placement.next_worker()
    return placement


def test_workers_go_where_the_fewest_are_for_the_cores() -> None:
    assert placed([HEAD, SMALL, LARGE], 8).workers == [LARGE, HEAD, SMALL, LARGE, LARGE, HEAD, SMALL, LARGE]
    assert Placement([HEAD, SMALL, LARGE]).cores == 8


def test_a_node_without_cores_gets_no_worker_while_there_are_others() -> None:
    bare = Node("b" * 9, "10.0.0.4", 0)
    assert placed([bare, SMALL], 3).workers == [SMALL] * 3
    assert placed([bare], 2).workers == [bare] * 2


def test_a_cell_is_spread_when_one_of_its_own_workers_is_elsewhere() -> None:
    placement = placed([HEAD, SMALL], 2)
    assert [placement.spread(workers) for workers in (0, 1, 2)] == [False, False, True]
    assert not placed([HEAD], 5).spread(5)


def test_a_node_is_lost_when_nobody_answers_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as raylet:
        node = Node("n" * 9, "127.0.0.1", 2, port=raylet.getsockname()[1])
        assert node.answers()
    assert not node.answers()


def test_a_node_with_another_version_or_code_is_refused_by_name() -> None:
    own = environment(Path.cwd())
    here = NodeFacts(node="a", address="10.0.0.1", processes=[], environment=own, load={})
    there = NodeFacts(node="b", address="10.0.0.2", processes=[], environment=own, load={})
    check_versions([here, there])
    there["environment"] = replace(own, versions={**own.versions, "numpy": "1.0"}, code="0123")
    with pytest.raises(ConfigError, match=r"^node 10\.0\.0\.2 has numpy 1\.0 \(here \d.*, code 0123 \(here .*same"):
        check_versions([here, there])


def test_the_manifest_names_the_environment_of_each_node(
    tmp_path: Path, tiny_runner: Callable[[], Any], cell_run: Any
) -> None:
    described = replace(environment(Path.cwd()), cpu="another one")
    runner = tiny_runner()
    plain = runner.run_cell
    runner.run_cell = lambda *given: (
        plain(*given) | {"nodes": [{"node": "n1", "processes": ["worker0"], "environment": described, "load": load()}]}
    )
    quiet = SimpleNamespace(**dict.fromkeys(("begin", "round", "end", "retry"), lambda *_: None))
    silent = SimpleNamespace(begin_cell=lambda: None, end_round=lambda: None)
    directory = RunDirectory(tmp_path)
    Attempter(runner, directory, quiet, silent, "own").run(cell_run)  # type: ignore[arg-type]  # stand-ins
    (node,) = json.loads((directory.cell(cell_run) / "manifest.json").read_text())["facts"]["nodes"]
    assert (node["env"], "environment" in node) == (environment_hash(described), False)
    assert json.loads((tmp_path / "env" / f"{node['env']}.json").read_text())["cpu"] == "another one"
