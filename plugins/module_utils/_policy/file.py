# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads the version policy: the shipped version_policy.yml, and a user's file that extends it.

For the controller only: this is the one module util that imports PyYAML, and no module may import it. Both files go through
the same checks, so every mistake says in which file, section, rule and key it is, what was seen and what is allowed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._policy import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._policy import rules as _rules
from ansible_collections.natsops.cluster.plugins.module_utils._policy.keys import Key, WrongValueError, shown

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]  # load() says so

SHIPPED = Path(__file__).with_name("version_policy.yml")

# Of each section that is a list: what its rules become, and the keys that they may have.
_Section = Tuple[Any, Mapping[str, Key]]
_RULES: dict[str, _Section] = {
    "never_released": (_rules.NeverReleased, _keys.NEVER_RELEASED),
    "stepping_stones": (_rules.Stone, _keys.STEPPING_STONES),
    "downgrade_floors": (_rules.Floor, _keys.DOWNGRADE_FLOORS),
    "bad_releases": (_rules.BadRelease, _keys.BAD_RELEASES),
    "features": (_rules.Feature, _keys.FEATURES),
    "expected_log_noise": (_rules.LogNoise, _keys.EXPECTED_LOG_NOISE),
}
_SECTIONS = ("minors", "window", *_RULES)
# from is a word of Python, so the values call it otherwise.
_ATTRIBUTES = {"from": "old", "to": "new"}
Values = Dict[str, Any]


@dataclass(frozen=True)
class _Place:
    """Where in which file something was read."""

    file: str
    section: str = ""
    rule: str = ""

    def wrong(self, said: str) -> NatsError:
        where = ", ".join(part for part in (self.section, self.rule) if part)
        return NatsError(f"{self.file}: {where + ': ' if where else ''}{said}")


def load(extra_path: str | None = None) -> _rules.Policy:
    """Return the shipped policy, extended by a user's file where there is one; raises NatsError for every mistake in it.

    The rules of a list are added, one with the id of another takes its place, and C(disabled: true) takes it away. In minors
    and window each key takes the place of the shipped one; only notes and config_keys are added.
    """
    _require("PyYAML", yaml is not None)
    _require("packaging", _rules.HAS_PACKAGING)
    minors: dict[_rules.MinorKey, Values] = {}
    window: Values = {}
    lists: dict[str, dict[str, Values]] = {section: {} for section in _RULES}
    for path in [SHIPPED, *([Path(extra_path).expanduser()] if extra_path else [])]:
        place = _Place(str(path))
        for section, content in _read(path, place).items():
            if section == "minors":
                _add_minors(minors, content, replace(place, section=section))
            elif section == "window":
                window.update(_window(content, replace(place, section=section)))
            else:
                _add_rules(lists[section], content, replace(place, section=section))
    return _rules.Policy(
        minors=tuple(_rules.Minor(key=key, **minors[key]) for key in sorted(minors)),
        window=_rules.Window(**window),
        **{name: tuple(_RULES[name][0](**values) for values in found.values()) for name, found in lists.items()},
    )


def _require(library: str, is_there: bool) -> None:
    if not is_there:
        raise NatsError(
            f"the version policy cannot be read: the Python that runs Ansible on the controller ({sys.executable}) cannot import "
            f"{library}, which ansible-core needs too. Install it there ({sys.executable} -m pip install {library}), and run the "
            "same playbook again"
        )


def _loader() -> Any:
    # By libyaml where PyYAML has it: a tenth of the time.
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """As safe_load, but for a key that is given twice: YAML would drop the first without a word, rules and all."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key in (key for key, _unused in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key '{key.value}' is given twice", key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    return Loader


def _read(path: Path, place: _Place) -> Mapping[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())
    except OSError as exc:
        raise place.wrong(f"cannot be read: {exc.strerror}. It extends the version policy: see nats_upgrade_policy_file") from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise place.wrong(f"is not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(content, dict):
        raise place.wrong(f"is {shown(content)}: it has to be a mapping with sections of {', '.join(_SECTIONS)}")
    for section in content:
        if section not in _SECTIONS:
            raise place.wrong(
                f"unknown section {shown(section)}{_text.meant(str(section), _SECTIONS)}; known are {', '.join(_SECTIONS)}"
            )
    return content


def _attribute(name: str) -> str:
    return _ATTRIBUTES.get(name, name)


def _checked(given: Any, known: Mapping[str, Key], place: _Place) -> Values:
    """The given keys as values, under the names that the rules have for them; nothing is filled in."""
    if not isinstance(given, dict):
        raise place.wrong(f"is {shown(given)}: it has to be a mapping with keys of {', '.join(known)}")
    values: Values = {}
    for name, value in given.items():
        if name not in known:
            raise place.wrong(f"unknown key {shown(name)}{_text.meant(str(name), known)}; known are {', '.join(known)}")
        try:
            values[_attribute(name)] = known[name].read(value)
        except WrongValueError as exc:
            raise place.wrong(f"{name} is {shown(value)}: it has to be {exc}") from exc
    return values


def _filled(values: Values, known: Mapping[str, Key], place: _Place) -> Values:
    """The values with the defaults of what was not given; raises NatsError where there is none."""
    filled = dict(values)
    for name, key in known.items():
        attribute = _attribute(name)
        if attribute not in filled:
            if key.default is _keys.REQUIRED:
                raise place.wrong(f"{name} is missing: it has to be {key.wanted}")
            filled[attribute] = key.default
    return filled


def _add_rules(found: dict[str, Values], content: Any, place: _Place) -> None:
    _cls, known = _RULES[place.section]
    if not isinstance(content, list):
        raise place.wrong(f"is {shown(content)}: it has to be a list of rules, each with {', '.join(known)}")
    here = set()
    for number, given in enumerate(content, 1):
        said = given.get("id") if isinstance(given, dict) else None
        at = replace(place, rule=said if isinstance(said, str) and said else f"rule {number}")
        values = _checked(given, {**known, "disabled": _keys.DISABLED}, at)
        if "id" not in values:
            raise at.wrong(f"id is missing: it has to be {known['id'].wanted}")
        name: str = values["id"]
        if name in here:
            raise at.wrong("the id is given twice in this file: each rule has its own")
        here.add(name)
        if values.pop("disabled", False):
            if found.pop(name, None) is None:
                raise at.wrong(f"disabled, but there is no such rule{_text.meant(name, found)}; known are {', '.join(found)}")
        else:
            found[name] = _filled(values, known, at)


def _add_minors(found: dict[_rules.MinorKey, Values], content: Any, place: _Place) -> None:
    if not isinstance(content, dict):
        raise place.wrong(f'is {shown(content)}: it has to be a mapping of minors, such as "2.15"')
    for name, given in content.items():
        at = replace(place, rule=str(name))
        try:
            key = _keys.minor(name)
        except WrongValueError as exc:
            raise place.wrong(f"{shown(name)} has to be {exc}") from exc
        values = _checked(given, _keys.MINOR, at)
        if "notes" in values:
            values["notes"] = tuple(_note(name, number, note, at) for number, note in enumerate(values["notes"], 1))
        old = found.get(key, {})
        for added in ("notes", "config_keys"):
            values[added] = (*old.get(added, ()), *values.get(added, ()))
        found[key] = _filled({**old, **values}, _keys.MINOR, at)
        latest = found[key]["latest"]
        if (latest.major, latest.minor) != key:
            raise at.wrong(f"latest is {latest}: it has to be a version of {name}")


def _note(minor: str, number: int, given: Any, place: _Place) -> _rules.Note:
    at = replace(place, rule=f"{place.rule}, note {number}")
    return _rules.Note(minor=minor, **_filled(_checked(given, _keys.NOTE, at), _keys.NOTE, at))


def _window(content: Any, place: _Place) -> Values:
    return _checked(content, _keys.WINDOW, place)
