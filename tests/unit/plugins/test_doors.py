"""Each outside thing has one door, and what runs on a node needs nothing but Python."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import Iterator

import pytest

from tests.unit import syntax
from tests.unit.modules import ROOT

PLUGINS = ROOT / "plugins"
FILES = sorted(path for path in PLUGINS.rglob("*.py"))
UTILS = "ansible_collections.natsops.cluster.plugins.module_utils."
# What a bare node has: the standard library, and what Ansible sends along.
SENT_ALONG = {"ansible.module_utils.basic", "ansible.module_utils.urls"}
# What else may be imported, and where: httpx where it is there, and on the controller what comes with ansible-core.
FOREIGN = {"_read/http_door": {"httpx"}, "_policy/rules": {"packaging"}, "_policy/file": {"yaml"}}


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Full names of all that a file imports, wherever in it."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in syntax.nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def used(path: Path) -> frozenset[str]:
    """Everything that a file imports or names with a dot, such as os.kill."""
    dotted = {
        f"{node.value.id}.{node.attr}"
        for node in syntax.nodes(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return frozenset(dotted).union(imports(path))


def users_of(*things: str) -> set[str]:
    def uses(path: Path) -> bool:
        return any(name == thing or name.startswith(f"{thing}.") for name in used(path) for thing in things)

    return {path.relative_to(PLUGINS).as_posix() for path in FILES if uses(path)}


@pytest.mark.parametrize(
    ("things", "door"),
    [
        pytest.param(["httpx"], "module_utils/_read/http_door.py", id="many-requests"),
        pytest.param(["socket.getaddrinfo"], "module_utils/_read/wire.py", id="one-request"),
        # It trusts whom Ansible finds, and uses the proxies that urllib finds.
        pytest.param(["urllib.request", "ansible.module_utils.urls"], "module_utils/_read/stream.py", id="large-files"),
        pytest.param(["nats"], "plugin_utils/_read/nats_client.py", id="nats"),
        # A node's container engine has a socket in the file system: nothing of the network's door is of use there.
        pytest.param(["socket.AF_UNIX", "http.client.HTTPConnection"], "module_utils/_container/engine.py", id="engine"),
        pytest.param(
            ["os.kill", "signal.pidfd_send_signal", "os.pidfd_open", "os.system", "os.popen"],
            "module_utils/_host/process.py",
            id="processes",
        ),
    ],
)
def test_each_outside_thing_has_one_door(things: list[str], door: str) -> None:
    assert users_of(*things) == {door}


def test_programs_are_run_with_our_rights_by_one_door_and_with_those_of_the_server_by_another() -> None:
    assert users_of("subprocess", "os.killpg") == {"module_utils/_host/process.py", "module_utils/_host/identity.py"}
    assert users_of("os.setuid", "os.setgid") == {"module_utils/_host/identity.py"}
    # What only reads as another user goes back to its own rights after it.
    assert users_of("os.seteuid", "os.setegid") == {"module_utils/_files/rights.py"}


def test_nothing_but_the_doors_to_a_network_does_several_things_at_once() -> None:
    assert users_of("asyncio") == {
        "module_utils/_read/http_door.py",
        *(f"plugin_utils/_probe/{part}.py" for part in ("process", "session", "traffic")),
        *(f"plugin_utils/_read/{part}.py" for part in ("over_nats", "nats_client")),
    }


@pytest.mark.parametrize(
    "name",
    [
        "_values/assets",
        "_plan/checks/cluster",
        "_plan/checks/assets",
        "_plan/checks/containers",
        "_plan/checks/nodes",
        "_plan/checks/source",
        "_plan/checks/trust",
        "_config/client_access",
        "_config/tree",
        "_audit/drift",
        "_audit/members",
        "_audit/versions",
        "_audit/text",
        "_judge/findings",
        "_audit/fleet",
        "_judge/health",
        "_plan/plan",
        "_plan/text",
        "_policy/judge",
        "_policy/rules",
        "_core/poll",
        "_judge/quorum",
        "_container/recreate",
        "_read/reply",
        "_values/server",
        "_plan/situation",
        "_plan/surge",
        "_plan/status",
        "_core/versions",
        "_judge/feature_wedge",
    ],
)
def test_what_decides_reads_nothing(name: str) -> None:
    path = PLUGINS / "module_utils" / f"{name}.py"
    outside = {"_read.http_door", "_host.process", "_read.monitor", "_node.facts", "_artifact.binary", "_artifact.download"}
    assert not [used_name for used_name in imports(path) if used_name.startswith("ansible.")]
    assert (
        not {".".join(imported[len(UTILS) :].split(".")[:2]) for imported in imports(path) if imported.startswith(UTILS)}
        & outside
    )
    calls = [node.func for node in syntax.nodes(path) if isinstance(node, ast.Call)]
    assert not {func.id for func in calls if isinstance(func, ast.Name)} & {"open", "print", "input"}
    assert not {func.attr for func in calls if isinstance(func, ast.Attribute)} & {"read_text", "read_bytes", "write_text"}


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.relative_to(PLUGINS).parts[0] in ("modules", "module_utils")],
    ids=lambda path: path.relative_to(PLUGINS).with_suffix("").as_posix(),
)
def test_what_runs_on_a_node_imports_nothing_that_is_not_there(path: Path) -> None:
    standard = sys.stdlib_module_names
    foreign = {
        name
        for name in imports(path)
        if name.partition(".")[0] not in standard
        and not name.startswith("ansible_collections.natsops.cluster.plugins.module_utils")
        and name.rpartition(".")[0] not in SENT_ALONG
    }
    assert {name.partition(".")[0] for name in foreign} <= FOREIGN.get(f"{path.parent.name}/{path.stem}", set())


def test_what_is_foreign_is_where_it_was_let_in() -> None:
    for stem, names in FOREIGN.items():
        found = {name.partition(".")[0] for name in imports(PLUGINS / "module_utils" / f"{stem}.py")}
        assert names <= found, f"{stem} needs no leave for {names - found} any more"


def utils_below(path: Path) -> frozenset[str]:
    """Module utils that a file imports, and that these import, and so on, as _wing/name: all that Ansible sends to the node."""
    found: set[str] = set()
    left = [path]
    while left:
        for name in imports(left.pop()):
            parts = name[len(UTILS) :].split(".") if name.startswith(UTILS) else []
            files = [PLUGINS.joinpath("module_utils", *parts[:end]).with_suffix(".py") for end in range(1, len(parts) + 1)]
            for file in files:
                known = file.relative_to(PLUGINS / "module_utils").with_suffix("").as_posix()
                if file.exists() and known not in found:
                    found.add(known)
                    left.append(file)
    return frozenset(found)


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "modules"], ids=lambda path: path.stem)
def test_no_module_takes_the_version_policy_to_a_node(path: Path) -> None:
    below = utils_below(path)
    assert {name for name in below if name.startswith("_policy")} == set()
    # These are all action.
    steps = tuple(f"nats_upgrade_{name}" for name in ("event", "preflight", "stage", "turn", "verify"))
    assert below or path.stem in ("__init__", *steps, "nats_variables")


def test_what_is_below_a_module_is_found_through_what_it_imports() -> None:
    assert {"_judge/health", "_values/server", "_read/http_door"} <= utils_below(PLUGINS / "modules" / "nats_health_wait.py")
    plan = PLUGINS / "module_utils" / "_plan" / "plan.py"
    assert {"_policy/judge", "_policy/rules", "_policy/file"} <= utils_below(plan)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PLUGINS).with_suffix("").as_posix())
def test_every_file_has_a_header_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "# SPDX-License-Identifier: Apache-2.0\n" in text.partition('"""')[0]
    assert ast.get_docstring(syntax.tree(path))


def test_sockets_and_tls_are_of_the_doors_that_have_some() -> None:
    # What goes wrong with one is named in _read/http_faults.py.
    assert users_of("socket.socket") == {"module_utils/_read/wire.py", "module_utils/_container/engine.py"}
    assert users_of("socket") == {f"module_utils/{name}.py" for name in ("_read/wire", "_container/engine", "_read/http_faults")}
    assert users_of("ssl") == {f"module_utils/_read/{name}.py" for name in ("wire", "http_door", "http_faults")}


def test_nothing_catches_every_exception_but_an_action_in_a_run_which_tells_it_as_a_failure() -> None:
    broad = [
        path.relative_to(PLUGINS).as_posix()
        for path in FILES
        for node in syntax.nodes(path)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    assert broad == ["plugin_utils/_action/base.py"]
