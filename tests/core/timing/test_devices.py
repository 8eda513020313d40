"""Devices: their one form, and how much slower than this host they are."""

import math

import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError
from splitfed_core.timing.devices import (
    PRESETS,
    HostSpeed,
    canonical_device,
    check_device,
    needs_host_speed,
    slowdown_of,
    slowdowns_of,
)
from splitfed_core.timing.host_speed import measure_host_speed

HOST = HostSpeed(gflops=100.0, low=95.0, high=105.0)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("raspberry_pi_4", {"name": "raspberry_pi_4"}),
        ({"name": "raspberry_pi_4", "cores": 1}, {"name": "raspberry_pi_4"}),
        ({"name": "raspberry_pi_4", "cores": 4}, {"name": "raspberry_pi_4", "cores": 4}),
        ({"slowdown": 4.0}, {"name": "custom", "slowdown": 4}),
        ({"name": "custom", "slowdown": 2.5}, {"name": "custom", "slowdown": 2.5}),
        ({"name": "mix", "of": {"host": 0.5, "laptop": 0.5}}, {"name": "mix", "of": {"host": 0.5, "laptop": 0.5}}),
        (
            {"name": "per_client", "of": ["host", {"slowdown": 2.0}]},
            {"name": "per_client", "of": [{"name": "host"}, {"name": "custom", "slowdown": 2}]},
        ),
    ],
)
def test_however_a_device_is_written_it_has_one_form(written: object, form: object) -> None:
    assert canonical_device(written) == form
    assert canonical_device(form) == form


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"slowdown": 0.5}, "device custom, slowdown 0.5: a host cannot be faster than itself; give a number of at "),
        ({"slowdown": math.inf}, "device custom, slowdown inf: give a number of at least 1: how many times as slow"),
        ({"slowdown": math.nan}, "device custom, slowdown nan: give a number of at least 1"),
        ({"slowdown": True}, "device custom, slowdown True: give a number"),
        ({"slowdown": "4"}, "device custom, slowdown '4': give a number"),
        ("custom", "device custom needs the setting slowdown"),
        ("rasberry_pi_4", "device 'rasberry_pi_4': did you mean 'raspberry_pi_4'? choose one of host, phone_low, "),
        ({"name": "laptop", "slowdown": 2}, "device 'laptop' has no setting 'slowdown'; it has cores"),
        ({"name": "host", "cores": 2}, "device 'host' has no setting 'cores'; it has none"),
        ({"name": "laptop", "cores": 5}, "device laptop, cores 5: it has 4 such cores; give 1 to 4"),
        ({"name": "mix", "of": {"host": 0.5, "laptop": 0.4}}, "its shares sum to 0.9; make that 1"),
        ({"name": "per_client", "of": []}, "per_client takes a list with one for each client"),
        (4, "device 4: give a name, or a mapping of settings"),
    ],
)
def test_a_wrong_device_is_refused_with_value_rule_and_remedy(written: object, message: str) -> None:
    for read in (canonical_device, lambda value: CellConfig.parse_value("device", value)):
        with pytest.raises(ConfigError) as caught:
            read(written)
        assert message in str(caught.value)
        assert caught.value.parameter == "device"


@pytest.mark.parametrize("value", [0.5, -1, math.inf, math.nan, True, "2"])
def test_a_server_is_not_faster_than_its_host_either(value: object) -> None:
    with pytest.raises(ConfigError, match=r"server_slowdown .*: .*give a number of at least 1"):
        CellConfig.parse_value("server_slowdown", value)


def test_a_preset_counts_as_the_geometric_mean_of_its_figures_by_core() -> None:
    pi = PRESETS["raspberry_pi_4"]
    assert pi.gflops == math.sqrt(5.5 * 11.7)
    assert slowdown_of({"name": "raspberry_pi_4"}, HOST) == 12.5  # 100 / 8.022
    assert slowdown_of({"name": "raspberry_pi_4", "cores": 4}, HOST) == 3.12
    assert slowdown_of({"name": "host"}, HOST) == 1
    assert slowdown_of({"name": "custom", "slowdown": 2.5}, None) == 2.5


def test_a_device_that_is_faster_than_the_host_cannot_be_emulated() -> None:
    slow = HostSpeed(8.0, 7.0, 9.0)
    with pytest.raises(ConfigError) as caught:
        check_device(canonical_device({"name": "per_client", "of": ["host", "raspberry_pi_4"]}), slow)
    assert str(caught.value) == (
        "device 'raspberry_pi_4': one of its cores computes 8.0 GFLOP/s, one thread of this host 8.0: a host cannot be "
        "faster than itself; use a faster host, or a slower device"
    )
    with pytest.raises(ConfigError, match=r"4 of its cores compute 32\.1 GFLOP/s"):
        slowdown_of({"name": "raspberry_pi_4", "cores": 4}, slow)


def test_a_mix_gives_each_client_its_device_by_a_draw_of_the_seed() -> None:
    mix = canonical_device({"name": "mix", "of": {"host": 0.5, "raspberry_pi_4": 0.3, "raspberry_pi_5": 0.2}})
    dealt = slowdowns_of(mix, 10, 7, HOST)
    assert sorted(dealt) == [1.0] * 5 + [4.55] * 2 + [12.5] * 3
    assert slowdowns_of(mix, 10, 7, HOST) == dealt
    assert slowdowns_of(mix, 10, 8, HOST) != dealt
    each = canonical_device({"name": "per_client", "of": [{"slowdown": 2}, "host"]})
    assert slowdowns_of(each, 2, 7, None) == (2.0, 1.0)


def test_only_presets_need_the_speed_of_the_host() -> None:
    assert needs_host_speed({"name": "laptop"})
    assert needs_host_speed(canonical_device({"name": "per_client", "of": ["host", "laptop"]}))
    assert not needs_host_speed(canonical_device({"name": "per_client", "of": ["host", {"slowdown": 2}]}))


def test_the_speed_of_this_host_is_measured_with_its_spread() -> None:
    host = measure_host_speed()
    assert 0.1 < host.low <= host.gflops <= host.high < 1000  # GFLOP/s of one thread, not FLOP/s or TFLOP/s


@pytest.mark.parametrize("given", [{"device": {"slowdown": 4}}, {"server_slowdown": 4.0}])
def test_a_device_is_part_of_what_a_cell_is_and_none_renames_no_cell(given: dict[str, object]) -> None:
    plain, slow = CellConfig.parse({}), CellConfig.parse(given)
    assert plain.cell_id == "sflv2-c3-b128-dense1-aggon-f43abb3290"
    assert slow.cell_id != plain.cell_id
    assert slow.identity() == {"device": {"name": "custom", "slowdown": 4}} if "device" in given else given
    assert CellConfig.parse(slow.plain()) == slow
    assert (plain.emulates, slow.emulates, slow.has_links) == (False, True, False)


@pytest.mark.parametrize("given", [{"device": {"slowdown": 4}}, {"server_slowdown": 4.0}])
@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"transport": "inproc"}, "with transport inproc all are in one process, and would wait for each other's"),
        ({"threads": 2}, "it slows the processor time of one thread, and this cell computes with 2; use threads: 1"),
        ({"workers": 2}, "with a device give each of the 3 its own: workers auto"),
    ],
)
def test_where_a_device_makes_no_sense_the_reason_says_so(
    given: dict[str, object], others: dict[str, object], reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        CellConfig.parse(given | others)
    assert reason in str(caught.value)


def test_central_has_neither_and_a_device_for_each_client_is_one_for_each() -> None:
    central = CellConfig.parse({"algorithm": "central", "device": {"slowdown": 4}, "server_slowdown": 2})
    assert (central.device, central.server_slowdown) == (None, None)
    assert CellConfig.parse({"algorithm": "fl", "server_slowdown": 2}).server_slowdown == 2  # its fed server's
    with pytest.raises(ConfigError, match="device per_client names 2, but there are 3 clients; name one for each"):
        CellConfig.parse({"device": {"name": "per_client", "of": ["host", "host"]}})
