from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._values import peers as _peers

N5 = "Server name unknown at this time (peerID: C8OtEtgR)"


@pytest.mark.parametrize(("name", "id_"), [("n1", "fjFyEjc1"), ("n5", "C8OtEtgR")])
def test_the_id_is_the_one_that_servers_make_of_the_name(name: str, id_: str) -> None:
    assert _peers.id_of(name) == id_


@pytest.mark.parametrize(
    ("said", "names", "called"),
    [
        ("n5", [], {"n5", N5}),
        (N5, [], {N5}),
        (N5, ["n4", "n5"], {"n5", N5}),
        ("n4", ["n5"], {"n4", f"Server name unknown at this time (peerID: {_peers.id_of('n4')})"}),
    ],
)
def test_a_member_is_called_by_its_name_or_by_its_id(said: str, names: list[str], called: set[str]) -> None:
    assert _peers.called(said, names) == called


@pytest.mark.parametrize(("said", "name", "same"), [("n5", "n5", True), (N5, "n5", True), (N5, "n4", False), ("n4", "n5", False)])
def test_who_a_member_is(said: str, name: str, same: bool) -> None:
    assert _peers.is_of(said, name) is same
