import pytest

from splitfed_core.errors import ConfigError
from splitfed_core.timing.link_forms import canonical_link


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("lte", {"name": "lte"}),
        ({"uplink_mbit": 10.0}, {"name": "custom", "uplink_mbit": 10}),
        ({"rtt_ms": 25, "loss": 0, "shared_by": 1}, {"name": "custom", "delay_ms": 12.5}),
        ({"name": "lte", "delay_ms": 35.0, "loss": 0.01}, {"name": "lte", "loss": 0.01}),
        (
            {"name": "lte", "tcp": "on"},
            {"name": "lte", "tcp": {"initial_window": 10, "idle_reset": True}},
        ),
        (
            {"name": "per_client", "of": ["lte", {"downlink_mbit": 1}]},
            {"name": "per_client", "of": [{"name": "lte"}, {"name": "custom", "downlink_mbit": 1}]},
        ),
        ({"name": "mix", "of": {"wifi": 0.3, "lte": 0.7}}, {"name": "mix", "of": {"lte": 0.7, "wifi": 0.3}}),
    ],
)
def test_every_spelling_comes_to_one_form(written: object, canonical: object) -> None:
    assert canonical_link(written) == canonical
    assert canonical_link(canonical) == canonical


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("lite", "link 'lite': did you mean 'lte'? choose one of loopback, "),
        ({"uplink_mbit": 0}, "link 'custom', setting uplink_mbit 0: must be a number above 0"),
        ({"name": "lte", "downlink_mbit": -3}, "link 'lte', setting downlink_mbit -3: must be a number above 0"),
        ({"loss": 1}, "setting loss 1: must be a share of at least 0 and below 1"),
        ({"delay_ms": 10, "rtt_ms": 20}, "has delay_ms 10 and rtt_ms 20: the round trip is twice the delay"),
        ({"uplink_mbits": 1}, "setting 'uplink_mbits': did you mean 'uplink_mbit'?"),
        ({"shared_by": 1.5}, "setting shared_by 1.5: must be a whole number of at least 1"),
        ({"name": "mix", "of": {"lte": 0.7, "wifi": 0.2}}, "its shares sum to 0.9; make that 1"),
        ({"name": "mix", "of": {"lte": 0.7, "wify": 0.3}}, "link 'wify': did you mean 'wifi'?"),
        ({"name": "lte", "trace": "a.trace"}, "has a trace and uplink_mbit"),
    ],
)
def test_what_no_link_can_have_gets_value_rule_and_remedy(written: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        canonical_link(written)
    assert message in str(error.value)
    assert error.value.parameter == "link"
