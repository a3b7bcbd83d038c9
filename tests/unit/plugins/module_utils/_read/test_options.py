from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Settings


def params(**given: Any) -> dict[str, Any]:
    return {**{name: spec.get("default") for name, spec in _options.MONITORING.items()}, **given}


def test_without_options_certificates_are_checked_and_a_request_is_bounded() -> None:
    assert _options.settings(params()) == Settings(5.0, validate_certs=True, ca_path=None, max_in_flight=50)


def test_options_become_settings() -> None:
    given = params(request_timeout_seconds=1.5, validate_certs=False, ca_path="/ca.pem", max_in_flight=3)
    assert _options.settings(given) == Settings(1.5, validate_certs=False, ca_path="/ca.pem", max_in_flight=3)


@pytest.mark.parametrize(("given", "mib"), [(None, 64), (1, 1), ("200", 200)])
def test_what_a_server_may_answer_with_is_a_number_of_mib(given: Any, mib: int) -> None:
    assert _options.settings(params(max_answer_mib=given)).max_bytes == mib * 1024 * 1024


@pytest.mark.parametrize("given", [0, -1, True, "64 MiB", "", "1.5", "²"])
def test_what_is_no_number_of_mib_is_refused_by_its_variable(given: Any) -> None:
    with pytest.raises(NatsError, match=r"nats_upgrade_max_answer_mib is .*, and has to be a whole number of MiB from 1"):
        _options.max_bytes(given)


@pytest.mark.parametrize("given", [{"request_timeout_seconds": 0.0}, {"request_timeout_seconds": -1.0}, {"max_in_flight": 0}])
def test_settings_that_can_never_read_anything_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(NatsError, match="have to be greater than 0"):
        _options.settings(params(**given))


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        pytest.param({}, None, [Target("http://127.0.0.1:8222", "http://127.0.0.1:8222")], id="nothing-is-this-machine"),
        pytest.param({"monitor_url": "http://n1:1"}, None, [Target("http://n1:1", "http://n1:1")], id="address-is-the-name"),
        pytest.param({"monitor_url": "https://n1:1/nats"}, "n1", [Target("n1", "https://n1:1/nats")], id="name-of-the-host"),
        pytest.param(
            {"servers": [{"name": "a", "monitor_url": "http://a:1"}, {"name": "b", "monitor_url": "http://b:1"}]},
            "ignored",
            [Target("a", "http://a:1"), Target("b", "http://b:1")],
            id="several",
        ),
        pytest.param({"servers": []}, "n1", [], id="none"),
    ],
)
def test_whom_to_ask(given: dict[str, Any], name: str | None, expected: list[Target]) -> None:
    assert _options.targets(params(**given), name) == expected


@pytest.mark.parametrize("url", ["n1:8222", "nats://n1:4222", "", "ftp://n1"])
def test_an_address_that_is_not_http_is_refused_and_named(url: str) -> None:
    with pytest.raises(NatsError, match=f"monitor_url of n1 is '{url}': it has to start with http:// or https://"):
        _options.targets(params(servers=[{"name": "n1", "monitor_url": url}]))


@pytest.mark.parametrize("url", ["nats://probe:s3cret@n1:4222", "probe:s3cret@n1:8222", "htps://probe:s3/cr@t@n1:8222/base"])
def test_a_password_in_an_address_that_is_refused_is_not_shown(url: str) -> None:
    with pytest.raises(NatsError, match=r"monitor_url of n1 is '.*n1:.*': it has to start with http") as failed:
        _options.targets(params(servers=[{"name": "n1", "monitor_url": url}]))
    assert "probe" not in str(failed.value)
    assert "s3" not in str(failed.value)


def test_two_servers_of_one_name_are_refused() -> None:
    servers = [{"name": name, "monitor_url": "http://x:1"} for name in ("b", "a", "b", "a", "c")]
    with pytest.raises(NatsError, match=r"^servers names a, b twice$"):
        _options.targets(params(servers=servers))
