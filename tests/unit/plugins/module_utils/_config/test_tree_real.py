"""Configurations are read as real servers read them: the same ones are refused, and the others give the same keys and values.

A real server that checks a configuration takes 3 ms, and says by a digest what it has read: see tests/unit/real_configs.py.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, configuration, given, settings
from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.lab.cluster import LoopbackCluster
from tests.unit import real_configs
from tests.unit.real_configs import Configuration
from tests.unit.wild_configs import WILD

ROOT = Path(__file__).resolve().parents[4]
OLDEST, NEWEST = "2.10.26", "2.15.1"
VERSIONS = (OLDEST, "2.12.8", NEWEST)
configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
# Always the same ones, so that what fails here fails there.
drawn = settings(
    max_examples=250, derandomize=True, database=None, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
)
# Words such as 1m30s, which 2.15 takes and those before it do not. We read any version's.
_NEW_WORDS = re.compile(r"\d[kKmMgGtTpPeE][bBiI]*\d")


def assert_read_as_by_servers(one: Configuration, versions: tuple[str, ...] = VERSIONS) -> None:
    tree, faults = one.read()
    has_new_words = any(_NEW_WORDS.search(text) for text in [*one.files.values(), *one.environment.values()])
    for version in versions:
        with tempfile.TemporaryDirectory(prefix="natsops-config-") as folder:
            told = real_configs.ask(version, one, Path(folder))
            if has_new_words and version != NEWEST:
                continue
            assert told.accepts == (not faults), f"{version}: {one}: read as {tree}, {faults}; the server says: {told.said}"
            # What is no UTF-8 is one character or several in a digest, by version.
            if told.digest and "\ufffd" not in str(tree):
                assert told.digest == real_configs.digest(tree, Path(folder)), f"{version}: {one}: read as {tree}"


# --- what people write -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WILD)
def test_what_people_write_is_read_as_by_every_version(name: str) -> None:
    tree, faults = WILD[name].read()
    assert (bool(tree), faults) == (True, ())
    assert_read_as_by_servers(WILD[name], (OLDEST, "2.11.11", "2.12.8", "2.14.6", NEWEST))


# --- one rule each -----------------------------------------------------------------------------------------------------

RULES = [
    *("a: x(y", 'a: x"y{z[w(v', "a: x#y//z", "a: #c", "a: x'", "a: x'y", "a: x\\x41", "a: x\\ y", "a: $2b$x", "a: $2a$x\\t"),
    *("a: (\nx } {\n)\n", "a: (\nx\n)", "a: (\r\nx\r\n)\r\n", "a: (\nx\n) \n", "a: (x)y\n)\nb: 1", "a [(\nx\n)\n]"),
    *("a: 1", "a: 1kib", "a: 1kBi\nb: 2", "a: -1e", "a: 1.5", "a: 1.5s", "a: 1.2.3.4:5-6", "a: 1.2.3x", "a: 010", "a: 1x'y"),
    *("a: 9223372036854775807k", "a: 9223372036854775808", "a: -", "a: .5", "a: 1.", "a: \u0661", "a: 2026-02-30T00:00:00Z"),
    *("a: [1]", "a: [1 ]", "a: [1, 2]\n]", "a: [b c]", "a: [b\nc]", "a: [b,,c]", "a: [b,c,]", "a: [1k]", "a: [-1]", "a: [/]"),
    *("a: {b }", "a {b: 1]}", "a {b:1;;c:2}", "a {b\n:\n c}", "a {/=b: 1}", "a {b: 1 / c: 2}", "a {b}c: 1}", "a {]}", "a {b: ,}"),
    *(
        "{ a: 1 }",
        "{ a: 1",
        "{a: 1\n",
        "{{a: 1}}",
        "{{a: 1}",
        "{a: 1} {b: 2}",
        "{a: 1},{b: 2}",
        "a: 1 }}",
        "}",
        "{}}",
        "a: 1\n};",
    ),
    *("a: x / ", "/a: 1", "a: x /\nb: 1", "a //b\n: 1", "a#b: 1", "a{b: 1}", "a==b", "a: : b", "=b", "'a", '"a\\"b": 1', '"": '),
    *("a", "a:", "a: ", "a: \nb: 1", "a\nb", "a\n:\nb", "a: x y", "a: 'x' 'y'", "a: x}b: 1", "a: ]", "a: ,b: 1"),
    *(
        "a: b\0c: d",
        "a\0: b",
        "\0",
        "} \0a: 1",
        "#\0\na: 1",
        "a (\n)\0",
        "\ufeffa: b",
        "a\u00a0b",
        "a\u2028b",
        "a\x1cb: 1",
        "a: b\x0bc",
    ),
    *("a: $b", "b: 1\na: $b", "a: $b\nb: 1", "a: $a", "b {c: 1}\na: $c", "b: 1\nb {b: 2, a: $b}", "a: $", "a: ${b}", "a: $b'"),
    *(
        "include b.conf",
        "include: b.conf",
        "INCLUDE b.conf",
        "include\nb.conf",
        "include b.conf, c: 1",
        "include 1.conf",
        "include ''",
    ),
    *("include '/b.conf'", "include x/../b.conf", "a {include b.conf}", "a {include b.conf c: 1}", "a {include b.conf;c: 1}"),
    *(
        "a: YES",
        "a: 'yes'",
        "a: yes'",
        "a: null",
        "a: tru\\x65",
        "a {b: 1}\na {c: 2}",
        "A: 1\na: 2",
        "a: 1\na: 2",
        "a: $a\na: $a",
    ),
]


@pytest.mark.parametrize("text", RULES)
def test_every_rule_is_the_server_s(text: str) -> None:
    assert_read_as_by_servers(Configuration.of(text, {}, b="q: 1"))
    assert_read_as_by_servers(Configuration.of(f"{text}\n", {"a": "[x, y]", "b": "'z'", "c": "$b"}, b="q: $c"))


@pytest.mark.parametrize(
    "value",
    ["45s", '"45s"', "'45s'", "", " 45s # c", "45s\nx: 1", "45s; x=1", "{x: 1}", "[1, 2 ]", "a b", "(\nx\n)\n", "\n45s", '"45s']
    + [
        "=x",
        ": x",
        "true",
        "1k",
        "1kbi",
        "x'y",
        "$2a$x",
        "#c",
        "}",
        "x}}",
        "x\npk: 2",
        "include b.conf",
        "$c",
        "$d",
        "${c}",
        "\\x41",
    ],
)
def test_a_value_of_the_environment_is_read_as_by_servers(value: str) -> None:
    assert_read_as_by_servers(Configuration.of("c: 3\na: $v\n", {"v": value, "c": "4"}, b="q: 1"))


def test_what_leads_to_itself_is_refused_by_servers_too() -> None:
    """Those before 2.12 die of it."""
    assert_read_as_by_servers(Configuration.of("a: $b\n", {"b": "$c", "c": "$b"}), ("2.12.8", NEWEST))


# --- whatever ----------------------------------------------------------------------------------------------------------

PIECES = (
    *("{", "}", "[", "]", "(", ")", "(\n", "\n)\n", '"', "'", "\\", "\\x41", "\\n", "#", "//", "/", "=", ":", ",", ";", "-", "."),
    *(" ", " ", "\n", "\n", "\t", "\r\n", "\0", "\x0b", "\u00a0", "\u2028", "\ufeff", "\u0661", "\u00e9", "$", "$v", "$w", "$a"),
    *(
        "a",
        "b",
        "v",
        "pk",
        "a: ",
        "b: ",
        "a {",
        "b [",
        "1",
        "22",
        "1k",
        "1Mi",
        "2b",
        "1.5",
        "10.0.0.1",
        "30s",
        "2026-12-01T10:00:00Z",
    ),
    *(
        "yes",
        "OFF",
        "include ",
        "include b.conf",
        "include '/b.conf'",
        "$2a$x",
        "nats://h:1",
        "x(y",
        '"q"',
        "'q'",
        "a: 1\n",
        "b: x\n",
    ),
)
FEW = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
# No NUL in an environment, and nothing that leads to itself, which servers die of.
VALUES = FEW.map(lambda text: text.replace("\0", "").replace("$v", "$w").replace("$a", "$b"))
INCLUDED = FEW.map(lambda text: text.replace("include", "included"))


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def settings_of(value: st.SearchStrategy[str], ends: tuple[str, ...]) -> st.SearchStrategy[str]:
    key = st.sampled_from(("a", "b", "C", '"d e"', "'f'", "g{h", "i,j", "k", "$l", "10"))
    return st.lists(
        joined(key, st.sampled_from((": ", "=", " ", "\t=  ", "\n: ")), value, st.sampled_from(ends)), max_size=4
    ).map("".join)


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = joined(inner, st.sampled_from((", ", "\n", "\r\n", " # ]\n", " ,// x\n\n")))
    items = st.lists(item, max_size=4).map("".join)
    blank = st.sampled_from(("", " ", "\n", " # }\n"))
    return st.one_of(
        joined(st.just("["), blank, items, blank, st.just("]")),
        joined(st.just("{"), blank, settings_of(inner, (", ", ";", "\n", "\r\n", " # }\n", " ")), blank, st.just("}")),
    )


WORD = st.text('ab1(){["#/=:$.-_\u00e9', min_size=1, max_size=8)
VALUE = st.one_of(
    WORD,
    WORD.map(lambda word: f"'{word}, }} '"),
    st.text("ab\\n\\t \n'{}#", max_size=6).map(lambda text: f'"{text}"'),
    st.text("ab ){}\n", max_size=6).map(lambda text: f"(\n{text}\n)"),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.tuples(st.integers(-99, 99), st.sampled_from("kKmMgGtTpPeE"), st.sampled_from(("", "b", "i", "iB"))).map(
        lambda parts: "".join(map(str, parts))
    ),
    st.integers(-99, 99).map(lambda number: f"{number}.25"),
    st.sampled_from(("yes", "Off", "true", "$v", "$a", "$b", "$w", "$2a$x", "10.0.0.1:4222", "30s", "2026-12-01T10:00:00Z")),
)
DOCUMENT = st.one_of(
    settings_of(st.recursive(VALUE, nested, max_leaves=12), ("\n", ";", ", ", " # x\n", "\r\n")),
    settings_of(st.recursive(VALUE, nested, max_leaves=6), ("\n", ", ")).map(lambda text: f"{{{text}}}\n"),
)


@st.composite
def changed(draw: st.DrawFn) -> Configuration:
    """What people write, with a few pieces put in, or in the place of others."""
    one = draw(st.sampled_from(list(WILD.values())))
    files = dict(one.files)
    for _unused in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        first = draw(st.integers(0, len(files[name])))
        last = first + draw(st.sampled_from((0, 0, 1, 1, 2, 20)))
        files[name] = files[name][:first] + draw(st.sampled_from(("", *PIECES))) + files[name][last:]
    return Configuration(files, one.environment)


@drawn
@given(DOCUMENT, st.recursive(VALUE, nested, max_leaves=4).map(lambda text: text.replace("$", "")), DOCUMENT)
def test_blocks_and_lists_in_any_style_are_read_as_by_servers(text: str, value: str, included: str) -> None:
    one = Configuration.of(
        f"{text}\ninclude b.conf\nx {{ include 'b.conf' }}\n", {"v": value, "w": "[$x]", "x": "'1'"}, b=included
    )
    assert_read_as_by_servers(one, (OLDEST, NEWEST))


@drawn
@given(st.builds(lambda text, value, other: Configuration.of(text, {"v": value, "w": "'x'"}, b=other), FEW, VALUES, INCLUDED))
def test_any_pieces_are_read_as_by_servers(one: Configuration) -> None:
    assert_read_as_by_servers(one, (OLDEST, NEWEST))


@drawn
@given(changed())
def test_what_people_might_write_is_read_as_by_servers(one: Configuration) -> None:
    assert_read_as_by_servers(one, (OLDEST, NEWEST))


# --- a server that runs ------------------------------------------------------------------------------------------------

TRICKY = """
accounts { APP { users: [ {user: app, password: x(y}, {user: b, pass: a"{[} ] }, SYS { users: [ {user: sys, password: s} ] } }
TEXT: (
} lame_duck_duration: 31s {
)
server_tags: [ $TEXT ]
include "/more/limits.conf"
log_file: LOG
lame_duck_duration: $NATSOPS_LAME_DUCK
"""


def test_a_server_that_runs_has_the_settings_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATSOPS_LAME_DUCK", "'8m'")
    log = tmp_path / "nats(1).log"
    (tmp_path / "n1" / "more").mkdir(parents=True)
    (tmp_path / "n1" / "more" / "limits.conf").write_text("max_connections: 1K\nmax_payload: 2KB\n", encoding="utf-8")
    with LoopbackCluster(NEWEST, 1, base=tmp_path, extra_config={"n1": TRICKY.replace("LOG", str(log))}) as cluster:
        process = cluster.process("n1")
        assert process
        found = _facts.facts({"pid": process.pid})
        varz = cluster.ask("n1", "/varz").body
        tree = _tree.read(str(cluster.nodes["n1"].config), lambda path: Path(path).read_text(encoding="utf-8"), {})
    assert (found["lame_duck_duration_seconds"], found["log_path"], log.exists()) == (480.0, str(log), True)
    assert {key: varz[key] for key in ("server_name", "max_connections", "max_payload", "tags")} == {
        "server_name": tree["server_name"],
        "max_connections": tree["max_connections"],
        "max_payload": tree["max_payload"],
        "tags": [tree["server_tags"][0].strip()],
    }
    assert (tree["max_connections"], tree["max_payload"]) == (1000, 2048)
