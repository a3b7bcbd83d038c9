"""What package managers write, read."""

from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_versions as _package_versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

# As apt 2.6 says it.
SIMULATED = """Reading package lists...
The following packages will be upgraded:
  nats-server
Remv other [1.0-1]
Inst nats-common:amd64 (2.15.1-1 localhost [all])
Inst nats-server [2.14.6-1] (2.15.1-1 localhost, local-deb [amd64])
Conf nats-server (2.15.1-1 localhost, local-deb [amd64])
"""
MADISON = "nats-server |   2.15.1-1 | http://mirror/debian stable/main\nnats-server |   2.14.6-1 | file:/srv/apt ./ Packages\n"


@pytest.mark.parametrize(
    ("package", "program"),
    [
        ("2.15.1-1", "2.15.1"),
        ("1:2.15.1-1", "2.15.1"),
        ("2.15.1+dfsg-2", "2.15.1"),
        ("2.15.1-1~bpo12+1", "2.15.1"),
        ("2.15.1-1.fc42", "2.15.1"),
        ("2.15.1", "2.15.1"),
        ("2.15.1~rc1-1", "2.15.1-rc1"),
        ("2.15.10-1", "2.15.10"),
        ("", ""),
    ],
)
def test_the_version_of_the_program_is_in_that_of_the_package(package: str, program: str) -> None:
    assert _package_versions.upstream(package) == program


def test_the_one_package_of_the_target_is_chosen_whatever_its_revision() -> None:
    offered = ["2.15.10-1", "2.15.1-3", "2.15.1~rc1-1", "2.14.6-1", "2.15.1-3"]
    assert _package_versions.choose("nats-server", "2.15.1", offered) == "2.15.1-3"


def test_one_of_several_packages_is_chosen_by_its_version_only() -> None:
    offered = ["2.15.1-1", "2.15.1-2"]
    with pytest.raises(NatsError, match=r"several packages of nats-server hold 2\.15\.1: 2\.15\.1-1, 2\.15\.1-2\. Set nats_upgr"):
        _package_versions.choose("nats-server", "2.15.1", offered)
    assert _package_versions.choose("nats-server", "2.15.1", offered, "2.15.1-1") == "2.15.1-1"


@pytest.mark.parametrize(
    ("offered", "wanted", "said"),
    [
        (["2.14.6-1", "2.12.8-1"], "", "holds 2.15.1: they have 2.14.6-1, 2.12.8-1. Nothing was touched; add the repository"),
        ([], "", "no package of nats-server in the configured repositories holds 2.15.1: they have none of it"),
        (["2.15.1-1"], "2.15.1-2", "nats_upgrade_package_version is 2.15.1-2, which is not a package of 2.15.1"),
    ],
)
def test_a_package_that_is_not_there_is_refused_and_what_there_is_is_named(offered: list[str], wanted: str, said: str) -> None:
    with pytest.raises(NatsError) as caught:
        _package_versions.choose("nats-server", "2.15.1", offered, wanted)
    assert said in str(caught.value)
    assert caught.value.details["refusal"] == "no_package"


def test_what_apt_would_do_is_read() -> None:
    would = _package_versions.simulated(SIMULATED)
    assert would.install == (("nats-common:amd64", "2.15.1-1"), ("nats-server", "2.15.1-1"))
    assert would.remove == ("other",)
    assert _package_versions.madison(MADISON) == ["2.15.1-1", "2.14.6-1"]


def test_the_units_of_a_package_are_known_by_the_names_that_scripts_use() -> None:
    paths = ["/lib/systemd/system/nats-server.service", "/etc/init.d/nats", "/usr/share/doc/x.service", "/lib/systemd/system"]
    assert _package_versions.units_in(paths) == ["nats", "nats-server.service"]


def test_the_end_of_what_was_said_is_one_line_without_progress() -> None:
    assert _package_versions.last_lines("a\n(Reading database ... 5%\rb\n\nE: c\n", 2) == "b / E: c"
