import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.json_schema import grid_schema
from benchmarks.grid.starter import GRIDS
from benchmarks.grid.yaml_file import read_yaml
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import GridError

jsonschema = pytest.importorskip("jsonschema", reason="comes with Ray")
BROKEN = Path(__file__).parent / "broken"
RICH = """
schema: 1
name: rich
seed: 3
base: {dataset: {name: synthetic, examples: 10}, partitioner: iid, aggregation: off, examples_per_client: null}
axes:
  clients: {range: [2, 8], step: 2}
  learning_rate: {log: [0.001, 0.1], num: 3}
  batch_size: {pow2: [8, 32]}
  cut_layer: [conv1, [conv1, dense2]]
zip: [{rounds: [1, 2], local_epochs: [2, 1]}]
exclude: [{match: {clients: [2, 4], partitioner: iid}, reason: why not}, {when: clients > 4}]
include: [{clients: 3}]
overrides: [{match: {clients: 6}, set: {timeout_s: 5}}]
repeats: 2
pair_seeds_across: [clients]
schedule: shuffled
timeout_s: 60
on_failure: {retries: 1, then: stop}
"""


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(json.dumps(grid_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_good_grids_pass(validator: Any, tmp_path: Path) -> None:
    (tmp_path / "rich.yaml").write_text(RICH)
    for path in (*GRIDS.glob("*.yaml"), tmp_path / "rich.yaml"):
        validator.validate(read_yaml(path).values)


def test_an_editor_sees_most_of_the_broken_ones(validator: Any) -> None:
    seen, total = 0, 0
    for path in BROKEN.glob("*.yaml"):
        try:
            values = read_yaml(path).values
        except GridError:
            continue
        total += 1
        seen += not validator.is_valid(values)
    assert seen > 0.7 * total


def test_every_parameter_is_offered_with_its_purpose() -> None:
    axes = grid_schema()["$defs"]["axes"]["properties"]
    assert {name: axis["description"] for name, axis in axes.items()} == {
        name: field.description for name, field in CellConfig.model_fields.items()
    }


@pytest.mark.parametrize(
    ("link", "valid"),
    [
        ("lte", True),
        ("lite", False),
        ({"uplink_mbit": 1, "tcp": "on"}, True),
        ({"uplink_mbit": 0}, False),
        ({"name": "mix", "of": {"lte": 0.7, "wifi": 0.3}}, True),
        ({"name": "mix", "of": {"lte": 70}}, False),
        ({"name": "per_client", "of": ["lte", {"rtt_ms": 3}]}, True),
        (None, True),
    ],
)
def test_an_editor_knows_links(validator: Any, link: object, valid: bool) -> None:
    assert validator.is_valid({"base": {"link": link}}) is valid
    assert validator.is_valid({"axes": {"link": [link]}}) is valid


def test_the_servers_have_no_fleet_of_links(validator: Any) -> None:
    assert validator.is_valid({"base": {"server_link": {"uplink_mbit": 100, "rtt_ms": 1}}})
    assert not validator.is_valid({"base": {"server_link": {"name": "mix", "of": {"lte": 1}}}})


@pytest.mark.parametrize(
    ("device", "valid"),
    [
        ("host", True),
        ("raspberry_pi_4", True),
        ("raspberry_pie", False),
        ({"slowdown": 4}, True),
        ({"name": "custom", "slowdown": 1.5}, True),
        ({"slowdown": 0.5}, False),
        ({"name": "raspberry_pi_4", "cores": 4}, True),
        ({"name": "raspberry_pi_4", "slowdown": 4}, False),
        ({"name": "mix", "of": {"host": 0.7, "phone_low": 0.3}}, True),
        ({"name": "per_client", "of": ["host", {"slowdown": 3}]}, True),
        (4, False),
        (None, True),
    ],
)
def test_an_editor_knows_devices(validator: Any, device: object, valid: bool) -> None:
    assert validator.is_valid({"base": {"device": device}}) is valid
    assert validator.is_valid({"axes": {"device": [device]}}) is valid


@pytest.mark.parametrize(
    ("codec", "is_valid"),
    [
        ("topk", True),
        ("int9", False),
        ({"name": "topk", "share": 0.01, "then": "zstd"}, True),
        ({"name": "topk", "share": 0}, False),
        ({"name": "delta", "bits": 3}, False),
        ({"name": "int4", "feedback": "on"}, False),
        ({"name": "int4", "then": "gzip"}, False),
        ({"name": "int4", "depth": 3}, False),
        ({"share": 0.1}, False),
    ],
)
def test_an_editor_knows_codecs(codec: Any, is_valid: bool, validator: Any) -> None:
    assert validator.is_valid({"axes": {"codec": ["raw", codec]}}) == is_valid
    assert validator.is_valid({"base": {"codec": codec}}) == is_valid


def test_an_editor_knows_which_codec_is_for_what(validator: Any) -> None:
    assert validator.is_valid({"axes": {"codec": ["delta"], "model_codec": [{"name": "int4", "feedback": "on"}]}})
    assert not validator.is_valid({"axes": {"gradient_codec": ["delta"]}})
    assert not validator.is_valid({"axes": {"model_codec": ["delta"]}})
