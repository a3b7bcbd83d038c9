"""Configurations of nats-server, which another user may write than the one who reads them."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.fuzz.harness import assert_nothing_is_obeyed, fuzz
from tests.fuzz.inputs import changed_text
from tests.fuzz.test_nodes import CONFIG
from tests.unit.plugins.module_utils._config.test_tree_settings import TYPICAL

WORDS = (
    *(
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        '"',
        "'",
        "\\",
        "#",
        "//",
        "=",
        ":",
        ",",
        ";",
        "\n",
        "$",
        "(\n",
        "\n)",
        "include ",
        "include a.conf\n",
    ),
    *(
        "lame_duck_duration: ",
        "$PORT",
        "$2a$11$x",
        "accounts { A { users: [ {user: a} ] } }\n",
        "tls { verify: true }\n",
        "max_connections: ",
    ),
    *(
        "authorization { token: x }\n",
        "resolver: MEMORY\n",
        "leafnodes { min_version: 2.9.0 }\n",
        "jetstream { key: x }\n",
        "{{{{",
        "[[[[",
        "x: $x\n",
    ),
)
OTHER = "port: 1\nPORT: 2\nusers: [a, b]\n"


@fuzz(
    st.tuples(
        st.one_of(
            changed_text(TYPICAL, WORDS), changed_text(CONFIG, WORDS), st.lists(st.sampled_from(WORDS), max_size=60).map("".join)
        ),
        changed_text(OTHER, WORDS),
    ),
    examples=700,
)
def test_whatever_a_configuration_says_it_is_read_or_refused(texts: tuple[str, str]) -> None:
    files = {"/etc/nats.conf": texts[0], "/etc/a.conf": texts[1]}

    def read(path: str) -> str:
        return files.get(path, "")

    tree = _tree.read("/etc/nats.conf", read, {"PORT": "4222"})
    settings = _tree.top_level(tree)
    _facts.lame_duck_seconds(settings, "/etc/nats.conf")
    _facts.lame_duck_grace_seconds(settings)
    _tree.used(tree)
    _tree.leafnode_min_version(tree)


@fuzz(st.tuples(changed_text(CONFIG + TYPICAL, WORDS, most=10), changed_text(OTHER, WORDS)), examples=400)
def test_whatever_a_configuration_says_who_may_connect_is_told_or_refused(texts: tuple[str, str]) -> None:
    files = {"/etc/nats.conf": texts[0], "/etc/a.conf": texts[1]}
    tree = _tree.read("/etc/nats.conf", lambda path: files.get(path, ""), {"PORT": "4222"})
    facts = _client_access.facts(tree, ["nats-server", "-n", "n1"], "key")
    json.dumps(facts)
    assert_nothing_is_obeyed(facts["server_name"], facts["cluster"], list(facts["accounts"]))
    assert_nothing_is_obeyed(_client_access.differences(facts, _client_access.facts({}, ["nats-server"], "key")))
