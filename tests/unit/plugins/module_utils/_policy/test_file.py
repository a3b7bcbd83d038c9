from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import parse
from ansible_collections.natsops.cluster.plugins.module_utils._policy.file import SHIPPED, load
from ansible_collections.natsops.cluster.plugins.module_utils._policy.rules import Minor, Policy
from tests.unit.modules import ROOT

BAD = "{id: OURS, versions: '==2.15.3', severity: refuse, why: it is, source: ticket}"
MINOR = "{released: 2027-03-20, latest: 2.16.1, api_level: 6}"

Extended = Callable[[str], Policy]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ours.yml"


@pytest.fixture
def extended(file: Path) -> Extended:
    """Load the policy with a user's file of this text."""

    def load_with(text: str) -> Policy:
        file.write_text(text, encoding="utf-8")
        return load(str(file))

    return load_with


def ids(rules: tuple[Any, ...]) -> list[str]:
    return [rule.id for rule in rules]


def minor(policy: Policy, name: str) -> Minor:
    return next(one for one in policy.minors if str(one) == name)


def test_the_shipped_file_is_without_mistakes() -> None:
    policy = load()
    assert [str(one) for one in policy.minors] == ["2.9", "2.10", "2.11", "2.12", "2.14", "2.15"]
    assert policy.minors[-1].latest == parse("2.15.2")


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_file_of_a_user_is_the_shipped_one_alone(nothing: Any) -> None:
    assert load(nothing) == load()


def test_each_rule_says_why_and_where_that_can_be_looked_up() -> None:
    policy = load()
    lists = (policy.never_released, policy.stepping_stones, policy.downgrade_floors, policy.bad_releases, policy.features)
    rules = [rule for rules in (*lists, policy.expected_log_noise) for rule in rules]
    # A reason is put into a sentence.
    assert [rule.id for rule in rules if rule.why.endswith(".") or not rule.source] == []
    assert len({rule.id for rule in rules}) == len(rules)


def test_nothing_after_a_number_sign_got_lost() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if " #" in line and not line.lstrip().startswith("#")] == []


def test_a_rule_of_the_user_is_added_after_the_shipped_ones(extended: Extended) -> None:
    policy = extended(f"bad_releases: [{BAD}]")
    assert ids(policy.bad_releases) == [*ids(load().bad_releases), "OURS"]
    assert parse("2.15.3") in policy.bad_releases[-1].versions


def test_a_rule_with_the_id_of_a_shipped_one_takes_its_place(extended: Extended) -> None:
    policy = extended(f"bad_releases: [{BAD.replace('OURS', 'B2.12.5-consumers')}]")
    assert ids(policy.bad_releases) == ids(load().bad_releases)
    rule = next(rule for rule in policy.bad_releases if rule.id == "B2.12.5-consumers")
    assert (rule.why, rule.fixed_in, rule.when) == ("it is", "", frozenset())


def test_a_rule_that_is_disabled_is_gone(extended: Extended) -> None:
    policy = extended("stepping_stones: [{id: U12, disabled: true}]")
    assert ids(policy.stepping_stones) == [name for name in ids(load().stepping_stones) if name != "U12"]


def test_a_rule_that_is_not_disabled_is_a_rule(extended: Extended) -> None:
    assert ids(extended(f"bad_releases: [{BAD[:-1]}, disabled: false}}]").bad_releases)[-1] == "OURS"


def test_a_newer_patch_changes_nothing_else_of_its_minor(extended: Extended) -> None:
    shipped, ours = minor(load(), "2.15"), minor(extended('minors: {"2.15": {latest: 2.15.9}}'), "2.15")
    assert ours.latest == parse("2.15.9")
    assert (ours.notes, ours.api_level, ours.released) == (shipped.notes, shipped.api_level, shipped.released)


def test_notes_and_config_keys_of_a_minor_are_added(extended: Extended) -> None:
    shipped = minor(load(), "2.15")
    ours = minor(extended('minors: {"2.15": {notes: [{text: ask Jo, source: wiki}], config_keys: [ours]}}'), "2.15")
    assert [note.text for note in ours.notes] == [*(note.text for note in shipped.notes), "ask Jo"]
    assert ours.config_keys == (*shipped.config_keys, "ours")


def test_a_new_minor_is_put_in_order(extended: Extended) -> None:
    policy = extended(f'minors: {{"2.16": {MINOR}}}')
    assert [str(one) for one in policy.minors][-2:] == ["2.15", "2.16"]
    assert not policy.minors[-1].end_of_life


def test_an_old_minor_is_put_in_order_too(extended: Extended) -> None:
    policy = extended('minors: {"2.8": {released: 2022-04-18, latest: 2.8.4, api_level: 0}}')
    assert [str(one) for one in policy.minors][:2] == ["2.8", "2.9"]


def test_the_window_is_changed_key_by_key(extended: Extended) -> None:
    window = extended("window: {minors: 2}").window
    assert (window.minors, window.months, window.minors_down) == (2, 12, 1)


def test_a_home_folder_is_understood(extended: Extended, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extended("window: {minors: 5}")
    monkeypatch.setenv("HOME", str(file.parent))
    assert load("~/ours.yml").window.minors == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is empty: it has to be a mapping with sections of minors, window, never_released", id="empty"),
        pytest.param("- a", "is ['a']: it has to be a mapping with sections of minors", id="list"),
        pytest.param("a: [", "is not YAML: ", id="no-yaml"),
        pytest.param("minors: {'2.15': {released: 2026-02-31}}", "is not YAML: ", id="no-day"),
        pytest.param("window: {}\nwindow: {}", "the key 'window' is given twice", id="twice"),
        pytest.param(
            "badreleases: []", "unknown section 'badreleases' (did you mean bad_releases?); known are minors", id="section"
        ),
        pytest.param("7: []", "unknown section 7; known are minors", id="section-number"),
        pytest.param(
            "bad_releases: {}", "bad_releases: is {}: it has to be a list of rules, each with id, versions", id="no-list"
        ),
        pytest.param("bad_releases:", "bad_releases: is empty: it has to be a list of rules", id="empty-section"),
        pytest.param("bad_releases: [x]", "bad_releases, rule 1: is 'x': it has to be a mapping with keys of id", id="no-rule"),
        pytest.param("bad_releases: [{why: x}]", "bad_releases, rule 1: id is missing: it has to be text", id="no-id"),
        pytest.param("bad_releases: [{id: 7}]", "bad_releases, rule 1: id is 7: it has to be text", id="id-number"),
        pytest.param(
            "bad_releases: [{id: A, sevrity: warn}]",
            "bad_releases, A: unknown key 'sevrity' (did you mean severity?); known are id, versions",
            id="key",
        ),
        pytest.param(
            "bad_releases: [{id: A}]", "bad_releases, A: versions is missing: it has to be a range of versions", id="missing"
        ),
        pytest.param(f"bad_releases: [{BAD}, {BAD}]", "bad_releases, OURS: the id is given twice in this file", id="id-twice"),
        pytest.param(
            "bad_releases: [{id: B2.12.5-consumer, disabled: true}]", "(did you mean B2.12.5-consumers?)", id="disable-nothing"
        ),
        pytest.param("bad_releases: [{id: A, disabled: 1}]", "A: disabled is 1: it has to be true or false", id="flag"),
        pytest.param(
            "bad_releases: [{id: A, severity: deny}]", "A: severity is 'deny': it has to be refuse or warn", id="choice"
        ),
        pytest.param(
            "bad_releases: [{id: A, versions: 2.12}]", "versions is 2.12: it has to be a range of versions", id="number"
        ),
        pytest.param("bad_releases: [{id: A, versions: '2.12.1'}]", "versions is '2.12.1': it has to be a range", id="range"),
        pytest.param("bad_releases: [{id: A, versions: []}]", "versions is []: it has to be a range", id="no-range"),
        pytest.param("bad_releases: [{id: A, versions: ['<2.1', 'x']}]", "it has to be a range of versions", id="one-of-two"),
        pytest.param(
            "bad_releases: [{id: A, when: kafka}]", "when is 'kafka': it has to be one or a list of auth_callout", id="usage"
        ),
        pytest.param("bad_releases: [{id: A, why: ' '}]", "why is ' ': it has to be text", id="blank"),
        pytest.param("bad_releases: [{id: A, why: {a: b}}]", "why is {'a': 'b'}: it has to be text", id="mapping"),
        pytest.param(
            "stepping_stones: [{id: A, by: later}]", "by is 'later': it has to be a version, such as 2.14.7", id="version"
        ),
        pytest.param("features: [{id: A, kind: bucket}]", "kind is 'bucket': it has to be stream or consumer", id="kind"),
        pytest.param(
            "features: [{id: A, since: 2.10}]", 'since is 2.1: it has to be a minor in quotes, such as "2.15"', id="since"
        ),
        pytest.param("features: [{id: A, level: -1}]", "level is -1: it has to be a number, such as 5", id="negative"),
        pytest.param("features: [{id: A, level: true}]", "level is True: it has to be a number", id="bool-is-no-number"),
        pytest.param(
            "expected_log_noise: [{id: A, pattern: '('}]", "pattern is '(': it has to be a regular expression", id="pattern"
        ),
        pytest.param("window: {minors: many}", "window: minors is 'many': it has to be a number, such as 1", id="window"),
        pytest.param("window: [1]", "window: is [1]: it has to be a mapping with keys of minors, months", id="window-list"),
        pytest.param("window: {years: 1}", "window: unknown key 'years'; known are minors, months", id="window-key"),
        pytest.param("minors: []", 'minors: is []: it has to be a mapping of minors, such as "2.15"', id="minors-list"),
        pytest.param("minors: {2.10: {}}", 'minors: 2.1 has to be a minor in quotes, such as "2.15"', id="minor-number"),
        pytest.param("minors: {'2.15.1': {}}", "minors: '2.15.1' has to be a minor in quotes", id="minor-patch"),
        pytest.param(
            "minors: {'2.16': {latest: 2.16.1}}", "minors, 2.16: released is missing: it has to be a day", id="minor-new"
        ),
        pytest.param(
            "minors: {'2.15': {latest: 2.16.1}}", "minors, 2.15: latest is 2.16.1: it has to be a version of 2.15", id="other"
        ),
        pytest.param(
            "minors: {'2.15': {released: soon}}", "released is 'soon': it has to be a day, such as 2026-09-17", id="day"
        ),
        pytest.param("minors: {'2.15': {notes: x}}", "notes is 'x': it has to be a list of notes", id="notes"),
        pytest.param("minors: {'2.15': {notes: [{text: x}]}}", "minors, 2.15, note 1: source is missing", id="note"),
        pytest.param(
            "minors: {'2.15': {config_keys: [1]}}", "config_keys is [1]: it has to be a list of names", id="config-keys"
        ),
    ],
)
def test_a_mistake_says_where_it_is_what_was_seen_and_what_is_allowed(
    extended: Extended, file: Path, text: str, said: str
) -> None:
    with pytest.raises(NatsError) as refused:
        extended(text)
    assert str(refused.value).startswith(f"{file}: ")
    assert said in str(refused.value)


def test_what_was_seen_is_cut_short(extended: Extended) -> None:
    with pytest.raises(NatsError, match=re.escape(f"severity is '{'x' * 56}...: it has to be")):
        extended(f"bad_releases: [{{id: A, severity: {'x' * 500}}}]")


@pytest.mark.parametrize("name", ["nothing.yml", "."], ids=["missing", "folder"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(NatsError, match=r"cannot be read: .*nats_upgrade_policy_file") as refused:
        load(str(tmp_path / name))
    assert str(tmp_path) in str(refused.value)


def test_a_file_that_is_no_text_is_no_yaml(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NatsError, match="is not YAML"):
        load(str(file))


WITHOUT = """
import sys; sys.path.insert(0, {root!r}); import conftest
sys.modules[{imported!r}] = None
from ansible_collections.natsops.cluster.plugins.module_utils._plan import plan
from ansible_collections.natsops.cluster.plugins.module_utils._policy import file
try:
    file.load()
except file.NatsError as exc:
    print(exc)
"""


@pytest.mark.parametrize(("library", "imported"), [("PyYAML", "yaml"), ("packaging", "packaging.version")])
def test_without_a_library_the_policy_says_which_is_missing_and_where(library: str, imported: str) -> None:
    text = WITHOUT.format(root=str(ROOT), imported=imported)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert f"({sys.executable}) cannot import {library}, which ansible-core needs too" in done.stdout, done.stderr
