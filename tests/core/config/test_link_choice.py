from pathlib import Path

import pytest

from splitfed_core.config.app_folder import set_app_folder
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.config.link_choice import client_links, kinds_of, server_link, trace_digests
from splitfed_core.errors import ConfigError
from splitfed_core.timing.links import PRESETS, Link


def link_of(value: object) -> object:
    return CellConfig.parse({"link": value}).plain()["link"]


def test_without_links_a_cell_is_what_it_was() -> None:
    assert CellConfig().cell_id == "sflv2-c3-b128-dense1-aggon-f43abb3290"
    assert CellConfig.parse({"link": None, "server_link": None}).identity() == {}


def test_a_loopback_is_a_link() -> None:
    assert CellConfig.parse({"link": "loopback"}).identity() == {"link": "loopback"}


@pytest.mark.parametrize(
    "spellings",
    [
        ("lte", {"name": "lte"}, {"name": "lte", "rtt_ms": 70.0}),
        ({"uplink_mbit": 10}, {"name": "custom", "uplink_mbit": 1e1, "jitter_ms": 0}),
        ({"uplink_mbit": 2, "tcp": "on"}, {"uplink_mbit": 2, "tcp": True}, {"uplink_mbit": 2, "tcp": {}}),
        ({"name": "mix", "of": {"lte": 0.5, "dsl": 0.5}}, {"name": "mix", "of": {"dsl": 0.5, "lte": 0.5}}),
        ({"trace": "a.trace"}, {"trace": {"uplink": "./a.trace", "downlink": "x/../a.trace"}}),
    ],
)
def test_spellings_of_one_link_are_one_cell(spellings: tuple[object, ...]) -> None:
    cells = {CellConfig.parse({"link": spelling}).cell_id for spelling in spellings}
    assert len(cells) == 1


def test_a_link_reads_back_as_it_was_written() -> None:
    for value in ("lte", {"uplink_mbit": 1}, {"name": "per_client", "of": ["lte", "dsl", {"delay_ms": 3}]}):
        config = CellConfig.parse({"link": value})
        assert CellConfig.parse(config.plain()) == config


@pytest.mark.parametrize("cell", [{"transport": "inproc"}, {"algorithm": "central"}])
def test_where_nothing_crosses_a_network_a_link_is_null(cell: dict[str, object]) -> None:
    config = CellConfig.parse({**cell, "link": "lte", "server_link": "lan_1gbit"})
    assert (config.link, config.server_link) == (None, None)
    assert config.cell_id == CellConfig.parse(cell).cell_id


@pytest.mark.parametrize("algorithm", ["sflv1", "sflv2", "sl", "fl"])
def test_every_algorithm_that_sends_has_links(algorithm: str) -> None:
    assert CellConfig.parse({"algorithm": algorithm, "link": "lte"}).link == Named(name="lte")


def test_each_client_gets_its_link() -> None:
    choice = Named.of({"name": "per_client", "of": [{"name": "lte"}, {"name": "custom", "delay_ms": 3}]})
    assert client_links(choice, 2, seed=1) == (PRESETS["lte"], Link(delay_s=0.003))
    assert client_links(None, 2, seed=1) == (Link(), Link())


def test_what_the_servers_have_all_share() -> None:
    assert server_link(Named.of("lan_1gbit")) == PRESETS["lan_1gbit"]
    assert server_link(None) == Link()


def test_traces_are_found_from_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFBENCH_APP_FOLDER", "")
    set_app_folder(tmp_path)
    (tmp_path / "a.trace").write_text("1\n2\n")
    choice = CellConfig.parse({"link": {"trace": "a.trace"}}).link
    (link,) = kinds_of(choice)
    assert link.trace is not None
    assert link.trace[0].at_ms == (1, 2)
    with pytest.raises(ConfigError, match=r"link trace './b.trace'"):
        kinds_of(CellConfig.parse({"link": {"trace": "b.trace"}}).link)


def test_what_traces_hold_is_known_by_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFBENCH_APP_FOLDER", str(tmp_path))
    (tmp_path / "a.trace").write_text("1\n2\n")
    (tmp_path / "b.trace").write_text("1\n3\n")
    of = [{"trace": {"uplink": "a.trace", "downlink": "b.trace"}}, "lte", {"trace": "./a.trace"}]
    before = trace_digests(CellConfig.parse({"link": {"name": "per_client", "of": of}}).link)
    assert list(before) == ["./a.trace", "./b.trace"]
    (tmp_path / "b.trace").write_text("1\n4\n")
    after = trace_digests(CellConfig.parse({"link": {"name": "per_client", "of": of}}).link)
    assert [before[file] == after[file] for file in before] == [True, False]
    assert trace_digests(None) == trace_digests(Named.of("lte")) == {}


@pytest.mark.parametrize("setting", [{"trace": "a.trace"}, {"uplink_mbit": 1, "tcp": "on"}])
@pytest.mark.parametrize("sharing", ["shared_by", "server_link"])
def test_what_one_link_does_by_itself_is_not_shared(setting: dict[str, object], sharing: str) -> None:
    shared = setting | ({"shared_by": 2} if sharing == "shared_by" else {})
    with pytest.raises(ConfigError, match="says what one client's own link does, but clients share links here"):
        CellConfig.parse({"link": shared, "server_link": "lan_1gbit" if sharing == "server_link" else None})
