"""For each kind of value, what is said of one that is none: in the user's words, one line, no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import kinds as _kinds
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.table import ALL

SECONDS = ALL["nats_upgrade_health_timeout_seconds"].kind


def said(name: str, value: Any) -> list[str]:
    return [f"{part}: {text}" for part, text in ALL[name].kind.wrong(name, value)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("90s", 90),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("2 min", 120),
        ("1.5h", 5400),
        ("2D", 172800),
        ("1h 5 minutes", 3900),
    ],
)
def test_a_duration_is_refused_with_its_seconds(text: str, seconds: float) -> None:
    assert list(SECONDS.wrong("x", text)) == [("x", f"'{text}' is not a number of seconds; in seconds: {seconds:g}")]


@pytest.mark.parametrize("text", ["", "two", "5 m x", "m5", "nan", "inf", "1_000", "0x10", "٣"])
def test_what_is_no_number_and_no_duration_is_refused_without_seconds(text: str) -> None:
    assert list(SECONDS.wrong("x", text)) == [("x", f"{text!r} is not a number of seconds")]


@pytest.mark.parametrize("value", [300, 300.5, "300", " 300 ", "3e2", "300.5"])
def test_a_number_is_read_also_from_text(value: Any) -> None:
    assert list(SECONDS.wrong("x", value)) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("nats_upgrade_soak_seconds", -5, "-5 is out of bounds; it has to be from 0 to 604800 seconds"),
        ("nats_upgrade_soak_seconds", "-5", "'-5' is out of bounds; it has to be from 0 to 604800 seconds"),
        ("nats_upgrade_health_timeout_seconds", "-5", "'-5' is out of bounds; it has to be from 1 to 86400 seconds"),
        # Milliseconds.
        ("nats_upgrade_health_timeout_seconds", 300000, "300000 is out of bounds; it has to be from 1 to 86400 seconds"),
        ("nats_upgrade_health_timeout_seconds", 0, "0 is out of bounds; it has to be from 1 to 86400 seconds"),
        ("nats_upgrade_health_timeout_seconds", True, "True is not a number of seconds"),
        ("nats_upgrade_health_timeout_seconds", None, "nothing is not a number of seconds"),
        ("nats_upgrade_health_timeout_seconds", [5], "a list is not a number of seconds"),
        ("nats_upgrade_max_lag", "1.5", "'1.5' is not a whole number"),
        ("nats_upgrade_max_lag", 1.5, "1.5 is not a whole number"),
        ("nats_upgrade_max_lag", -1, "-1 is out of bounds; it has to be 0 or more"),
        ("nats_upgrade_keep_versions", 0, "0 is out of bounds; it has to be 1 or more"),
        ("nats_upgrade_rebalance_batch_percent", 101, "101 is out of bounds; it has to be from 1 to 100 percent"),
        ("nats_upgrade_max_nodes", "0", "'0' is neither a whole number from 1 nor all"),
        ("nats_upgrade_max_nodes", True, "True is neither a whole number from 1 nor all"),
        ("nats_upgrade_rollback", "maybe", "'maybe' is neither true nor false"),
        ("nats_upgrade_rollback", "y", "'y' is neither true nor false"),
        ("nats_upgrade_probe_from", "contrller", "'contrller' is none of controller, node (did you mean controller?)"),
        ("nats_upgrade_probe_from", "x", "'x' is none of controller, node"),
        ("nats_upgrade_progress", "line", "'line' is none of auto, lines, bar, off (did you mean lines?)"),
        ("nats_upgrade_service_name", ["a"], "is a list, and has to be text"),
        ("nats_upgrade_archive_sha256", "abc", "'abc' is not a SHA-256 (64 hex digits): copy it from the release's SHA256SUMS"),
        ("nats_upgrade_order", 3, "is a number, and has to be a list, such as [[n4, n5], [n1, n2, n3]] or [edge, core]"),
        ("nats_upgrade_waive", {"a": 1}, 'is a dictionary, and has to be a list of words, such as ["r1_assets"]'),
        (
            "nats_upgrade_waive",
            [None],
            'has something in it that is no word; it has to be a list of words, such as ["r1_assets"]',
        ),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_told_in_one_line(name: str, value: Any, words: str) -> None:
    assert said(name, value) == [f"{name}: {words}"]


def test_a_version_that_is_not_exact_is_refused_with_the_command_to_give() -> None:
    (line,) = said("nats_upgrade_version", "v2.15.1")
    assert line.startswith("nats_upgrade_version: is 'v2.15.1', which is not an exact version. ")
    assert line.endswith("-e nats_upgrade_version=2.15.1")
    # YAML reads it as a number.
    assert "is '2.15', which is not an exact version" in said("nats_upgrade_version", 2.15)[0]
    assert said("nats_upgrade_version", "2.15.1") == said("nats_upgrade_version", "") == []


@pytest.mark.parametrize("name", ["nats_upgrade_hooks", "nats_upgrade_client_probe", "nats_upgrade_system_account"])
def test_text_is_no_dictionary_and_is_not_repeated(name: str) -> None:
    (line,) = said(name, '{"password": "s3cret"}')
    assert f'{name}: is text, and has to be a dictionary: as an extra variable give it as JSON, -e \'{{"{name}": {{' in line
    assert "s3cret" not in line


def test_a_command_is_no_text_and_is_not_repeated() -> None:
    name = "nats_upgrade_start_command"
    (line,) = said(name, "run s3cret")
    assert line == (
        f"{name}: is text, and has to be a list of words: as an extra variable give it as JSON, "
        f'-e \'{{"{name}": ["PROGRAM", "ARGUMENT"]}}\''
    )
    assert said(name, ["run", "x"]) == said(name, "") == []


def test_a_key_that_does_not_exist_is_told_with_the_one_that_was_meant() -> None:
    (line,) = said("nats_upgrade_system_account", {"user": "u", "pasword": "s3cret"})
    assert line.startswith("nats_upgrade_system_account: has no key 'pasword' (did you mean password?); it may have servers, ")
    assert "s3cret" not in line
    assert said("nats_upgrade_client_probe", {"rate": "5k", "tls": {"verify": "x"}}) == [
        "nats_upgrade_client_probe.rate: '5k' is not a number",
        "nats_upgrade_client_probe.tls.verify: 'x' is neither true nor false",
    ]


def test_what_a_credential_of_awx_lacks_is_text_without_letters() -> None:
    account = {"creds": "", "user": "u", "password": "p", "servers": "nats://a:4222, nats://b:4222", "tls": {"ca": ""}}
    assert said("nats_upgrade_system_account", account) == []
    assert said("nats_upgrade_system_account", None) == []


def test_a_file_of_tasks_that_is_not_there_is_refused(tmp_path: Path) -> None:
    hook, name = tmp_path / "hook.yml", "nats_upgrade_hooks"
    (line,) = said(name, {"before_node": str(hook)})
    assert line.startswith(f"{name}.before_node: there is no file '/")
    hook.touch()
    assert said(name, {"before_node": str(hook)}) == []
    # Searched by Ansible, beside the playbook and in the role.
    assert said(name, {"after_node": "hooks/after.yml"}) == []


def test_a_long_value_is_not_shown_whole() -> None:
    (line,) = said("nats_upgrade_probe_from", "x" * 5000)
    assert len(line) < 200


@pytest.mark.parametrize(
    ("given", "meant"),
    [("soak_second", "soak_seconds"), ("versoin", "version"), ("monitor_uri", "monitor_url"), ("our_mirror", ""), ("x", "")],
)
def test_the_name_that_was_meant_is_found_and_one_of_the_users_own_is_left_alone(given: str, meant: str) -> None:
    assert _text.near(given, ["soak_seconds", "version", "monitor_url", "max_nodes"], _kinds.NEAR) == meant
