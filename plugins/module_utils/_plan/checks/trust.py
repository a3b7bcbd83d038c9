# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin that lie in who decides what a start runs: the server's own user must not, where root runs it. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Trouble


def judge(host: str, node: Mapping[str, Any]) -> Iterator[Trouble]:
    """What is wrong with the program of a host, its configuration, and the places where they are."""
    differs = list(node.get("differs") or ())
    if differs:
        said = " And ".join(_difference(node, one) for one in differs)
        yield Trouble(Finding("other_program", f"{host}: {said}", seen=(host,)))
    places = list(node.get("unsafe_paths") or ())
    refusing = [place for place in places if place["refuses"]]
    if refusing:
        yield _unsafe(
            host, refusing, "root, or the user of this run, runs it or follows it. It has to be root's alone", refuses=True
        )
    elif places:
        server = "the server's user" if len({place["owner"] for place in places}) > 1 else f"user {places[0]['owner']}"
        yield _unsafe(host, places, f"what {server} puts there is run as the server. It should be root's", refuses=False)


def _difference(node: Mapping[str, Any], one: Mapping[str, str]) -> str:
    runs, starts = one["runs"] or "none", one["starts"]
    if one["what"] == "program" and not starts:
        unit = node.get("unit")
        what = f"ExecStart of unit {unit.get('name')} names no nats-server" if unit else "nothing in the inventory does"
        return (
            f"which program a start runs is not known: {what}, and its process ({runs}, by its own words) is another user's, who "
            "can have it say anything. Set nats_upgrade_binary_path to the path that the server is started by"
        )
    if one["what"] == "folder":
        return (
            f"{one.get('paths')} in {node.get('config_path')} counts from the folder that the server is started in. Its "
            f"process is in {runs}, by the word of its user, and the start command is run in {starts}: the server would start "
            "with other files. Write absolute paths there"
        )
    return (
        f"the {one['what']} of the process that was found is {runs}, and a start takes {starts or 'none'}: it would not be the "
        f"same server. Restart it so that both are one, or correct {_VARIABLES[one['what']]}, ExecStart of the unit, or "
        "nats_upgrade_start_command"
    )


_VARIABLES = {"program": "nats_upgrade_binary_path", "configuration": "nats_upgrade_config_path"}


def _unsafe(host: str, places: list[Mapping[str, Any]], why: str, *, refuses: bool) -> Trouble:
    program = " and ".join(sorted({place["program"] for place in places}))
    which = named(dict.fromkeys(f"{place['path']} ({_owner(place)})" for place in places))
    said = f"{host}: others than root can change what {program} is, by {which}, and {why}: chown root:root, chmod go-w"
    return Trouble(Finding("unsafe_path", said, refuses=refuses, waivable=not refuses, seen=(host,)))


def _owner(place: Mapping[str, Any]) -> str:
    return f"a link of {place['owner']}" if place["link"] else f"owner {place['owner']}, mode {place['mode']}"
