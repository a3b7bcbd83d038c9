from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd
from tests.unit.systemd import Systemd


def drop_in(systemd: Systemd) -> Path:
    return systemd.units / "nats-server.service.d" / _systemd.DROP_IN


def test_holding_writes_a_drop_in_and_proves_that_systemd_will_not_restart(systemd: Systemd) -> None:
    assert _systemd.hold("nats-server", check_mode=False) == {"changed": True, "restart": "no"}
    assert "Restart=no" in drop_in(systemd).read_text(encoding="utf-8").splitlines()
    assert systemd.calls == ["show", "daemon-reload", "show"]


def test_the_drop_in_sorts_after_those_of_the_administrator() -> None:
    assert _systemd.DROP_IN > "override.conf"
    assert _systemd.DROP_IN > "99-local.conf"
    assert _systemd.DROP_IN > "zz.conf"


def test_holding_twice_changes_nothing_the_second_time(systemd: Systemd) -> None:
    _systemd.hold("nats-server", check_mode=False)
    assert _systemd.hold("nats-server", check_mode=False) == {"changed": False, "restart": "no"}


def test_a_unit_that_does_not_restart_is_left_alone(systemd: Systemd) -> None:
    systemd.set(Restart="no")
    assert _systemd.hold("nats-server", check_mode=False) == {"changed": False, "restart": "no"}
    assert not drop_in(systemd).exists()


@pytest.mark.parametrize("restart", ["always", "on-failure", "on-abnormal"])
def test_a_check_says_that_it_would_hold_and_writes_nothing(systemd: Systemd, restart: str) -> None:
    systemd.set(Restart=restart)
    assert _systemd.hold("nats-server", check_mode=True) == {"changed": True, "restart": restart}
    assert list(systemd.units.iterdir()) == []
    assert systemd.calls == ["show"]


def test_a_drop_in_that_does_not_win_is_an_error_before_anything_is_signalled(systemd: Systemd) -> None:
    systemd.be("stubborn")
    with pytest.raises(NatsError, match=r"^systemd still says Restart=always .*systemctl cat\). Nothing was signalled$"):
        _systemd.hold("nats-server", check_mode=False)


def test_a_folder_that_cannot_be_written_is_named(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_systemd, "RUNTIME_UNITS", Path("/dev/null/units"))
    with pytest.raises(NatsError, match=r"^cannot write /dev/null/units/.*: Not a directory. Run with become"):
        _systemd.hold("nats-server", check_mode=False)


def test_letting_go_removes_the_drop_in_and_its_empty_folder(systemd: Systemd) -> None:
    _systemd.hold("nats-server", check_mode=False)
    assert _systemd.release("nats-server", check_mode=False) == {"changed": True, "restart": "always"}
    assert list(systemd.units.iterdir()) == []


def test_it_is_told_whether_our_drop_in_is_there(systemd: Systemd) -> None:
    assert not _systemd.is_held("nats-server.service")
    _systemd.hold("nats-server", check_mode=False)
    assert _systemd.is_held("nats-server.service")
    _systemd.release("nats-server", check_mode=False)
    assert not _systemd.is_held("nats-server.service")


def test_letting_go_leaves_the_drop_ins_of_others(systemd: Systemd) -> None:
    _systemd.hold("nats-server", check_mode=False)
    other = drop_in(systemd).with_name("limits.conf")
    other.write_text("[Service]\n", encoding="utf-8")
    _systemd.release("nats-server", check_mode=False)
    assert list(other.parent.iterdir()) == [other]


def test_letting_go_of_what_is_not_held_changes_nothing(systemd: Systemd) -> None:
    assert _systemd.release("nats-server", check_mode=False) == {"changed": False, "restart": "always"}
    assert systemd.calls == ["show"]


def test_a_check_says_that_it_would_let_go_and_removes_nothing(systemd: Systemd) -> None:
    _systemd.hold("nats-server", check_mode=False)
    assert _systemd.release("nats-server", check_mode=True)["changed"]
    assert drop_in(systemd).exists()


def test_a_hold_that_systemd_still_knows_is_an_error(systemd: Systemd) -> None:
    _systemd.hold("nats-server", check_mode=False)
    systemd.be("stubborn")
    with pytest.raises(NatsError, match=r"still uses .*although it is removed: run systemctl daemon-reload"):
        _systemd.release("nats-server", check_mode=False)
