"""Who of the clients has what: one choice for all, one for each, or a mix by shares. Links and devices are given alike.

A choice is plain JSON with a `name`, in one canonical form, which is what a cell's identity hashes: `{"name": "lte"}`,
`{"name": "per_client", "of": [{"name": "lte"}, …]}`, `{"name": "mix", "of": {"lte": 0.7, "wifi": 0.3}}`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import floor, isclose, isfinite
from typing import TypeAlias

from splitfed_core.errors import ConfigError
from splitfed_core.seeding import stream

Form: TypeAlias = dict[str, object]
"""A choice in its canonical form."""

Canonical: TypeAlias = Callable[[Mapping[str, object]], Form]
"""Brings a choice for one client, a mapping with a `name`, into its canonical form; raises `ConfigError`."""

CUSTOM, PER_CLIENT, MIX = "custom", "per_client", "mix"


def canonical(value: object, parameter: str, one: Canonical) -> Form:
    """Bring what a grid may hold into the canonical form: a bare name, a mapping, with a `name` or (custom) without.

    Args:
        value: What stands in the grid.
        parameter: Whose value it is.
        one: For what a single client may have.

    Raises:
        ConfigError: Value, rule and remedy.
    """
    form = named(value, parameter)
    if form["name"] == PER_CLIENT:
        return {"name": PER_CLIENT, "of": [one(named(each, parameter)) for each in _list(form, parameter)]}
    if form["name"] == MIX:
        return {"name": MIX, "of": _shares(form, parameter, one)}
    return one(form)


def members(form: Form, clients: int, seed: int, parameter: str) -> tuple[Form, ...]:
    """Return what each client has, by its number.

    Args:
        form: The choice in its canonical form.
        clients: How many there are; as many as a `per_client` names.
        seed: Of the cell: who gets which part of a mix is drawn from it.
        parameter: Whose value it is: two mixes of a cell are drawn apart.
    """
    of = form.get("of")
    if isinstance(of, list):
        return tuple(of)
    if not isinstance(of, dict):
        return (form,) * clients
    names = sorted(of)
    counts = largest_remainder([of[name] for name in names], clients)
    dealt = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    order = stream(seed, "fleet", parameter).permutation(clients)
    return tuple({"name": dealt[place]} for place in order)


def kinds(form: Form) -> tuple[Form, ...]:
    """Return what a client may have by this choice, each once."""
    of = form.get("of")
    if isinstance(of, dict):
        return tuple({"name": name} for name in of)
    return tuple(each for i, each in enumerate(of) if each not in of[:i]) if isinstance(of, list) else (form,)


def largest_remainder(shares: Sequence[float], total: int) -> list[int]:
    """Divide a whole number by shares that sum to 1 (Hamilton's method): equal remainders go to the earlier share."""
    quotas = [share * total for share in shares]
    counts = [floor(quota) for quota in quotas]
    # Rounded: remainders that differ only by what binary fractions make of shares are equal.
    by_remainder = sorted(range(len(shares)), key=lambda i: (round(counts[i] - quotas[i], 9), i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def unknown_name(parameter: str, name: object, known: Iterable[str]) -> ConfigError:
    """Return the error of a name that nobody knows."""
    names = list(known)
    close = get_close_matches(str(name), names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ConfigError(f"{parameter} {name!r}: {hint}choose one of {', '.join(names)}", parameter)


def named(value: object, parameter: str) -> Form:
    """Return a mapping with a name: a bare name means its defaults, settings without a name a choice of one's own."""
    if isinstance(value, str) and value:
        return {"name": value}
    if isinstance(value, Mapping) and value:
        form = {"name": CUSTOM, **value}
        if isinstance(form["name"], str):
            return form
    raise ConfigError(f"{parameter} {value!r}: give a name, or a mapping of settings", parameter)


def _list(form: Form, parameter: str) -> list[object]:
    of = form.get("of")
    if not isinstance(of, list) or not of or form.keys() != {"name", "of"}:
        raise ConfigError(
            f"{parameter} {form!r}: per_client takes a list with one for each client, {{name: per_client, of: [a, b]}}",
            parameter,
        )
    return of


def _shares(form: Form, parameter: str, one: Canonical) -> dict[str, float]:
    of = form.get("of")
    if not isinstance(of, Mapping) or not of or form.keys() != {"name", "of"}:
        raise ConfigError(
            f"{parameter} {form!r}: mix takes a share for each name, {{name: mix, of: {{a: 0.7, b: 0.3}}}}", parameter
        )
    for name, share in of.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not isfinite(share) or share <= 0:
            raise ConfigError(f"{parameter} mix, share of {name} {share!r}: a share is a number above 0", parameter)
        one({"name": name})
    if not isclose(total := sum(of.values()), 1, abs_tol=1e-9):
        raise ConfigError(f"{parameter} mix {dict(of)!r}: its shares sum to {total:g}; make that 1", parameter)
    return {name: of[name] for name in sorted(of)}
