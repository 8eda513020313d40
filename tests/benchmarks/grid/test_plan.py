import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import Plan, PlannedCell, make_plan
from splitfed_core.config.choice import Named
from splitfed_core.errors import ConfigError, GridError
from splitfed_core.timing.devices import HostSpeed

GridOf = Callable[..., Grid]


def points(plan: Plan, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(cell.config, name) for name in names) for cell in plan.cells]


def test_axes_alone_make_a_product_the_last_moving_fastest(grid_of: GridOf) -> None:
    plan = make_plan(grid_of("axes: {clients: [2, 4], aggregation: [on, off]}"))
    assert points(plan, "clients", "aggregation") == [(2, True), (2, False), (4, True), (4, False)]
    assert (plan.name, plan.seed, plan.repeats, plan.schedule) == ("grid", 0, 1, "interleaved")


def test_axes_that_move_together(grid_of: GridOf) -> None:
    plan = make_plan(grid_of("axes: {rounds: [1, 2]}\nzip: {clients: [2, 4], batch_size: [64, 32]}"))
    assert points(plan, "rounds", "clients", "batch_size") == [(1, 2, 64), (1, 4, 32), (2, 2, 64), (2, 4, 32)]


def test_two_groups_of_axes_cross(grid_of: GridOf) -> None:
    text = "zip: [{clients: [2, 4], batch_size: [64, 32]}, {rounds: [1, 2], local_epochs: [2, 1]}]"
    assert len(make_plan(grid_of(text)).cells) == 4


def test_excluded_cells_are_named_with_their_reason(grid_of: GridOf) -> None:
    text = """
    axes: {clients: [2, 4], batch_size: [8, 16], aggregation: [on, off]}
    exclude:
      - {match: {clients: 2, batch_size: [8, 16]}, reason: known already}
      - {when: clients * batch_size >= 64 and not aggregation, reason: too large}
    """
    plan = make_plan(grid_of(text))
    assert points(plan, "clients", "batch_size", "aggregation") == [(4, 8, True), (4, 8, False), (4, 16, True)]
    assert [point.reason for point in plan.excluded] == ["known already"] * 4 + ["too large"]


def test_overrides_come_first_and_excludes_speak_of_what_they_made(grid_of: GridOf) -> None:
    text = """
    axes: {clients: [2, 4]}
    overrides:
      - {when: clients > 2, set: {rounds: 9}}
      - {match: {rounds: 9}, set: {timeout_s: 5}}
    exclude: [{match: {rounds: 50}}]
    """
    assert points(make_plan(grid_of(text)), "clients", "rounds", "timeout_s") == [(4, 9, 5.0)]


def test_included_cells_stand_outside_the_rules(grid_of: GridOf) -> None:
    text = """
    base: {rounds: 3}
    axes: {clients: [2, 4]}
    include: [{clients: 9, batch_size: 5}]
    exclude: [{when: clients > 2}]
    """
    assert points(make_plan(grid_of(text)), "clients", "batch_size", "rounds") == [(2, 128, 3), (9, 5, 3)]


def test_a_bare_name_matches_whatever_the_settings(grid_of: GridOf) -> None:
    text = """
    axes: {partitioner: [iid, {name: dirichlet, alpha: 0.1}, {name: dirichlet, alpha: 1}]}
    exclude: [{match: {partitioner: dirichlet}}]
    """
    assert [cell.config.plain()["partitioner"] for cell in make_plan(grid_of(text)).cells] == ["iid"]


@pytest.mark.parametrize(("matched", "left"), [("custom", 3), ("mix", 3), ("[lte, mix]", 1), ("{uplink_mbit: 2}", 4)])
def test_a_rule_matches_all_links_of_a_kind(matched: str, left: int, grid_of: GridOf) -> None:
    grid = f"""
axes:
  link: [lte, {{name: lte, loss: 0.1}}, {{name: mix, of: {{lte: 0.5, dsl: 0.5}}}}, {{uplink_mbit: 1}}]
exclude: [{{match: {{link: {matched}}}, reason: not these}}]
"""
    if left == 4:
        with pytest.raises(GridError, match="this exclude matches no cell"):
            make_plan(grid_of(grid))
    else:
        assert len(make_plan(grid_of(grid)).cells) == left


def test_settings_of_a_choice_match_exactly(grid_of: GridOf) -> None:
    text = """
    axes: {partitioner: [iid, {name: dirichlet, alpha: 0.1}, {name: dirichlet, alpha: 1}]}
    exclude: [{match: {partitioner: {name: dirichlet, alpha: 0.1}}}]
    """
    (excluded,) = make_plan(grid_of(text)).excluded
    partitioner = excluded.values["partitioner"]
    assert isinstance(partitioner, Named)
    assert partitioner.plain() == {"name": "dirichlet", "alpha": 0.1}


def test_rules_see_null_where_a_parameter_does_not_apply(grid_of: GridOf) -> None:
    plan = make_plan(grid_of("axes: {algorithm: [sflv2, central]}\nexclude: [{when: clients > 1}]"))
    assert points(plan, "algorithm") == [("central",)]


def test_cells_that_differ_in_what_does_not_apply_are_one(grid_of: GridOf) -> None:
    plan = make_plan(grid_of("axes: {algorithm: [sflv2, central], aggregation: [on, off], clients: [2, 4]}"))
    assert points(plan, "algorithm", "clients") == [("sflv2", 2), ("sflv2", 4)] * 2 + [("central", None)]
    central = plan.cells[-1].cell_id
    assert [p.same_as for p in plan.excluded] == [central] * 3


def test_combinations_that_make_no_sense_are_left_out_with_the_reason(grid_of: GridOf) -> None:
    plan = make_plan(grid_of("axes: {algorithm: [sflv2, ushape], cut_layer: [dense1, [conv1, dense2]]}"))
    assert points(plan, "algorithm", "cut_layer") == [("sflv2", "dense1"), ("ushape", ("conv1", "dense2"))]
    assert [point.reason.split(";")[0] for point in plan.excluded] == [
        "cut_layer ('conv1', 'dense2'): sflv2 has one cut",
        "cut_layer 'dense1': ushape has two cuts, head and tail stay with the client",
    ]


def test_seeds_are_shared_along_paired_axes_only(grid_of: GridOf) -> None:
    axes = "seed: 5\nrepeats: 2\naxes: {clients: [2, 4], batch_size: [8, 16]}\n"
    paired = make_plan(grid_of(axes))
    assert len({cell.seeds for cell in paired.cells}) == 1
    assert paired.cells[0].seeds[0] != paired.cells[0].seeds[1]
    some = {
        (c, b): cell.seeds for cell, (c, b) in _with_points(make_plan(grid_of(axes + "pair_seeds_across: [clients]")))
    }
    assert some[2, 8] == some[4, 8] != some[2, 16] == some[4, 16]


def _with_points(plan: Plan) -> Iterator[tuple[PlannedCell, tuple[Any, ...]]]:
    return zip(plan.cells, points(plan, "clients", "batch_size"), strict=True)


def test_a_further_cell_changes_no_other(grid_of: GridOf) -> None:
    few = make_plan(grid_of("repeats: 2\naxes: {clients: [2, 4]}\npair_seeds_across: []"))
    more = make_plan(grid_of("repeats: 3\naxes: {clients: [1, 2, 3, 4]}\npair_seeds_across: []"))
    seeds = {cell.cell_id: cell.seeds for cell in more.cells}
    assert all(seeds[cell.cell_id][:2] == cell.seeds for cell in few.cells)


@pytest.mark.parametrize(
    ("schedule", "order"),
    [
        ("interleaved", [(2, 0), (4, 0), (2, 1), (4, 1)]),
        ("grid", [(2, 0), (2, 1), (4, 0), (4, 1)]),
        ("shuffled", [(4, 1), (2, 0), (4, 0), (2, 1)]),
    ],
)
def test_schedules(schedule: str, order: list[tuple[int, int]], grid_of: GridOf) -> None:
    plan = make_plan(grid_of(f"seed: 3\nrepeats: 2\nschedule: {schedule}\naxes: {{clients: [2, 4]}}"))
    assert [(run.config.clients, run.repeat) for run in plan.runs()] == order


def test_the_document_holds_the_whole_plan(grid_of: GridOf) -> None:
    plan = make_plan(
        grid_of("repeats: 2\naxes: {clients: [2, 4], aggregation: [on]}\nexclude: [{match: {clients: 4}}]")
    )
    document = json.loads(json.dumps(plan.document().document()))
    (cell,) = document["cells"]
    assert cell["config"] == plan.cells[0].config.plain()
    assert document["axes"] == {"clients": [2, 4], "aggregation": [True]}
    assert document["excluded"] == [
        {"config": {"clients": 4, "aggregation": True}, "reason": "excluded by the grid", "same_as": None}
    ]
    assert document["order"] == [[cell["cell_id"], 0], [cell["cell_id"], 1]]


def test_settings_replace_base_axes_and_keys(grid_of: GridOf) -> None:
    text = "base: {rounds: 3}\naxes: {clients: [2, 4]}\nexclude: [{match: {clients: 4}}]"
    plan = make_plan(grid_of(text, "clients=[6, 8]", "rounds=1", "repeats=2", "aggregation=off", "timeout_s=9"))
    assert points(plan, "clients", "rounds", "aggregation", "timeout_s") == [(6, 1, False, 9.0), (8, 1, False, 9.0)]
    assert plan.repeats == 2


@pytest.mark.parametrize("setting", ["clients=0", "cleints=3", "clients=[", "repeats=x"])
def test_a_wrong_setting_is_named(setting: str, grid_of: GridOf) -> None:
    with pytest.raises(GridError, match=r"--set|command line"):
        make_plan(grid_of("axes: {clients: [2, 4]}", setting))


def test_a_complaint_of_the_core_gets_the_line_of_the_value(grid_of: GridOf, tmp_path: Path) -> None:
    grid = grid_of("base:\n  model: mlp\naxes:\n  cut_layer:\n    - conv1\n    - conv9\n")
    error = grid.error(ConfigError("cut layer 'conv9' is not in 'mlp'", "cut_layer"))
    assert str(error) == f"{tmp_path}/grid.yaml:6:7: cut layer 'conv9' is not in 'mlp'"
    assert str(grid.error(ConfigError("no such model", "model"))).startswith(f"{tmp_path}/grid.yaml:2:10:")


@pytest.mark.slow
def test_a_hundred_thousand_cells(grid_of: GridOf) -> None:
    text = "axes: {clients: {range: [1, 100]}, batch_size: {range: [1, 100]}, rounds: {range: [1, 10]}}\n"
    began = time.process_time()
    assert len(make_plan(grid_of(text + "exclude: [{when: clients * batch_size > 9999}]")).cells) == 99_990
    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_000_000  # kB


def test_a_device_that_is_faster_than_this_host_is_left_out_and_the_host_is_asked_once(grid_of: Any) -> None:
    asked = []

    def measure() -> HostSpeed:
        asked.append(1)
        return HostSpeed(12.0, 11.0, 13.0)

    text = "axes: {device: [null, {slowdown: 2}, raspberry_pi_4, raspberry_pi_5, {name: mix, of: {laptop: 1}}]}"
    plan = make_plan(grid_of(text), measure)
    assert [str(cell.config.device and cell.config.device.plain()) for cell in plan.cells] == [
        "None",
        "{'name': 'custom', 'slowdown': 2}",
        "raspberry_pi_4",
    ]
    assert [point.reason.partition(":")[0] for point in plan.excluded] == [
        "device 'raspberry_pi_5'",
        "device 'laptop'",
    ]
    assert "cannot be faster than itself" in plan.excluded[0].reason
    assert (len(asked), plan.host) == (1, HostSpeed(12.0, 11.0, 13.0))
    assert [cell.run(0).host for cell in plan.cells] == [None, None, plan.host]


def test_a_host_is_not_measured_for_nothing_and_a_grid_of_devices_that_are_faster_is_refused(grid_of: Any) -> None:
    def never() -> HostSpeed:
        raise AssertionError

    assert make_plan(grid_of("axes: {device: [null, {slowdown: 2}]}"), never).host is None
    with pytest.raises(GridError, match=r"grid\.yaml:1:.*device 'laptop': one of its cores computes 25\.9 GFLOP/s"):
        make_plan(grid_of("base: {device: laptop}"), lambda: HostSpeed(12.0, 11.0, 13.0))


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("{slowdown: 0.5}", "device custom, slowdown 0.5: a host cannot be faster than itself"),
        ("lap_top", "device 'lap_top': did you mean 'laptop'?"),
        ("{name: mix, of: {laptop: 0.5, host: 0.4}}", "its shares sum to 0.9; make that 1"),
    ],
)
def test_a_wrong_device_is_refused_by_its_line(grid_of: Any, device: str, message: str) -> None:
    with pytest.raises(GridError) as caught:
        grid_of(f"axes:\n  device:\n  - null\n  - {device}")
    assert "grid.yaml:4:" in str(caught.value)
    assert message in str(caught.value)
