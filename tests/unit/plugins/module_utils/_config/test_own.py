from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._config.own import common_digest

N1 = """
server_name: n1
listen: "10.0.0.1:4222"
http: "10.0.0.1:8222"
log_file: /var/log/nats/n1.log
cluster {
  name: lab
  listen: "10.0.0.1:6222"
  routes = [nats://10.0.0.2:6222, nats://10.0.0.3:6222]
  tls { cert_file: n1.pem, key_file: n1.key, ca_file: ca.pem, verify: true }
}
jetstream { store_dir: /srv/n1, max_file_store: 1G }
accounts { APP { users = [{user: app, password: secret}] } }
"""
N2 = N1.replace("n1", "n2").replace("10.0.0.1:", "10.0.0.9:").replace("10.0.0.2:", "10.0.0.1:").replace("10.0.0.9:", "10.0.0.2:")


def digest(text: str) -> str:
    return common_digest(_tree.read("nats.conf", lambda _unused: text, {}))


def test_names_addresses_and_places_of_a_server_are_its_own() -> None:
    assert digest(N1) == digest(N2)
    assert N1 != N2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("password: secret", "password: other", id="a-password"),
        pytest.param("max_file_store: 1G", "max_file_store: 2G", id="a-limit"),
        pytest.param("name: lab", "name: prod", id="the-cluster"),
        pytest.param("ca_file: ca.pem", "ca_file: old.pem", id="whom-it-trusts"),
        pytest.param("verify: true", "verify: false", id="whether-it-asks"),
        pytest.param("accounts {", "max_connections: 7\naccounts {", id="one-setting-more"),
        pytest.param("user: app", "user: app, host: n2", id="a-word-of-ours-in-an-account"),
    ],
)
def test_all_else_makes_a_difference(old: str, new: str) -> None:
    assert old in N1
    assert digest(N1) != digest(N1.replace(old, new))


def test_the_order_of_settings_makes_none() -> None:
    assert digest("max_connections: 7\nmax_payload: 9") == digest("max_payload: 9\nmax_connections: 7")


def test_no_configuration_has_no_digest() -> None:
    assert common_digest({}) == ""
