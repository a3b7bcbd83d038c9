# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Judges versions by the version policy: the target, the way to it, the way back, and what streams and consumers need.

For the controller only: below it, rules.py imports packaging and file.py PyYAML (nothing else here does), and a
managed node has neither. What is said comes from version_policy.yml; the code only evaluates it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import ServerVersion
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import Finding
from ansible_collections.natsops.cluster.plugins.module_utils._policy.file import load
from ansible_collections.natsops.cluster.plugins.module_utils._policy.rules import (
    BadRelease,
    Feature,
    Floor,
    Minor,
    MinorKey,
    Note,
    Policy,
    Stone,
)
from ansible_collections.natsops.cluster.plugins.module_utils._values.assets import noted_level

__all__ = [
    "Note",
    "Policy",
    "WayBack",
    "api_level",
    "better_release",
    "is_expected_noise",
    "judge_bad_release",
    "judge_target",
    "judge_way",
    "latest_patch",
    "load",
    "minors_between",
    "notes",
    "path",
    "required_level",
    "unsupported_fields",
    "way_back",
]

# How many hosts a message names before it counts the rest.
_NAMED = 5
# What a server writes where a setting is not made.
_NOT_SET = ("", "none", "default", "0001-01-01T00:00:00Z")


@dataclass(frozen=True)
class WayBack:
    """Whether a node that has run a new version can be put back to the old one, and what comes with it."""

    open: bool
    note: str
    source: str


def judge_target(policy: Policy, target: ServerVersion) -> list[Finding]:
    """What speaks against a version whatever runs now: that it is no release, or withdrawn, or old, or unknown."""
    findings = []
    newest = _newest(policy, target)
    if target.is_prerelease:
        message = f"{target} is not a release: NATS publishes previews and candidates for testing. Take {newest}"
        findings.append(Finding("prerelease", message, source="nats-io/nats-server RELEASES.md"))
    for gone in (rule for rule in policy.never_released if target in rule.versions):
        message = f"there is no nats-server {target}: {gone.why}. Take {newest}"
        findings.append(Finding("withdrawn_version", message, source=gone.source, offered=False))
    minor = _minor(policy, target)
    if minor and minor.end_of_life:
        maintained = ", ".join(str(one) for one in policy.minors if not one.end_of_life)
        message = (
            f"{minor} gets no patches any more, not for security either; its last is {minor.latest}. Maintained are "
            f"{maintained}: plan the way there"
        )
        findings.append(Finding("end_of_life", message, refuses=False, source=policy.window.source))
    findings.extend(_unknown(policy, target))
    return findings


def _unknown(policy: Policy, target: ServerVersion) -> Iterator[Finding]:
    minor, oldest, newest = _minor(policy, target), policy.minors[0], policy.minors[-1]
    if minor and (target.patch <= minor.latest.patch):
        return
    if any(target in rule.versions for rule in policy.never_released):
        return  # told as what it is
    if _key(target) < oldest.key:
        known = f"older than what the rules of this collection know (from {oldest} on)"
    else:
        known = f"newer than what the rules of this collection know (up to {(minor or newest).latest})"
    message = (
        f"{target} is {known}: they cannot tell whether it is a bad release, or wants another version before it. Read its "
        "release notes, and put what they say into a file for nats_upgrade_policy_file"
    )
    yield Finding("unknown_version", message, refuses=False)


def judge_bad_release(policy: Policy, target: ServerVersion, used: frozenset[str]) -> list[Finding]:
    """Known faults of the target that matter where C(used) is in use; a fault of what is not in use is not told."""
    return [_bad(policy, rule, target) for rule in policy.bad_releases if target in rule.versions and rule.when <= used]


def _bad(policy: Policy, rule: BadRelease, target: ServerVersion) -> Finding:
    here = f" (in use here: {', '.join(sorted(rule.when))})" if rule.when else ""
    newest = _newest(policy, target)
    fixed = f"It is mended in {rule.fixed_in}" if rule.fixed_in else "It is not known to be mended"
    better = f"{fixed}: take {newest}" if newest not in rule.versions else fixed
    return Finding(
        "bad_release",
        f"{target} has a known fault: {rule.why}{here}. {better}",
        refuses=rule.severity == "refuse",
        source=rule.source,
    )


def better_release(policy: Policy, rule: BadRelease, version: ServerVersion) -> ServerVersion | None:
    """The nearest release without this fault: the latest patch of the version's own minor, or of the first maintained one."""
    own = _minor(policy, version)
    later = [own] if own and not own.end_of_life else []
    later += [minor for minor in policy.minors if not minor.end_of_life and minor.key > _key(version)]
    return next((minor.latest for minor in later if minor.latest not in rule.versions), None)


def latest_patch(policy: Policy, version: ServerVersion) -> ServerVersion | None:
    """The latest patch of the version's minor; None where the rules do not know that."""
    minor = _minor(policy, version)
    return minor.latest if minor else None


def minors_between(policy: Policy, one: ServerVersion, other: ServerVersion) -> int:
    """How many minors lie from one version to another of the same major; one that was never released does not count."""
    return len(_steps(policy, min(one, other), max(one, other)))


def judge_way(policy: Policy, running: Mapping[str, str], target: ServerVersion) -> list[Finding]:
    """What speaks against going from what runs (host to version as the server tells it) to the target.

    There is one finding for each version that runs and rule that it breaks; C(seen) are its hosts.
    """
    by_version: dict[str, list[str]] = defaultdict(list)
    for host, text in running.items():
        by_version[text].append(host)
    findings: list[Finding] = []
    for text, hosts in by_version.items():
        version = _versions.parse_or_none(text)
        if version is None:
            message = (
                f"{_run(hosts, text or 'no version')}, which is no version of nats-server that can be compared: nobody can "
                f"tell whether {target} may follow. Find out what it was built from"
            )
            findings.append(Finding("unknown_version", message, seen=tuple(hosts)))
        elif version < target:
            findings.extend(_up(policy, version, target, hosts))
        elif version > target:
            findings.extend(_down(policy, version, target, hosts))
    return findings


def path(policy: Policy, start: ServerVersion, target: ServerVersion) -> tuple[str, ...]:
    """The versions to run one after the other, start and target among them: of each minor in between its latest patch.

    Where a rule wants another version before the next stop, that one is in it too, or the latest patch of the first minor.
    """
    if start == target:
        return (str(target),)
    if start.major != target.major:
        return str(start), str(target)
    low, high = min(start, target), max(start, target)
    # The end of the way is in the list of steps upwards, and its start in that downwards.
    known = {minor.key: minor for minor in policy.minors}
    between = [known[key].latest for key in _steps(policy, low, high)[:-1] if key in known]
    stops = [start, *between, target] if start < target else [start, *reversed(between), target]
    for stone in policy.stepping_stones:
        if stone.by and stone.by not in stops and start in stone.old and stops[1] in stone.new:
            stops.insert(1, max(stone.by, known[_key(start)].latest if _key(start) in known else stone.by))
            break
    return tuple(map(str, stops))


def _up(policy: Policy, version: ServerVersion, target: ServerVersion, hosts: Sequence[str]) -> Iterator[Finding]:
    stones = [stone for stone in policy.stepping_stones if version in stone.old and target in stone.new]
    for stone in stones:
        yield _stone(policy, stone, version, target, hosts)
    steps = _steps(policy, version, target)
    way = " -> ".join(path(policy, version, target))
    # Between majors there is no way of minors: a rule says what there is.
    if version.major == target.major and len(steps) > policy.window.minors:
        names = ", ".join(f"{major}.{minor}" for major, minor in steps)
        message = (
            f"{_run(hosts, version)}: {target} is {len(steps)} minors on ({names}), and NATS writes its upgrade guides from each "
            f"minor to the next. Go one minor at a time, each to its end: {way}"
        )
        yield Finding("skipped_minor", message, seen=tuple(hosts), source=policy.window.source)
    months = _months(policy, version, target)
    if version.major == target.major and len(steps) > 1 and months > policy.window.months:
        message = (
            f"{_run(hosts, version)}: {version.major}.{version.minor} and {target.major}.{target.minor} came out {months} months "
            f"apart, and the window is {policy.window.months}: versions so far apart are seldom tried in one cluster. Go {way}"
        )
        yield Finding("version_window", message, seen=tuple(hosts), source=policy.window.source)


def _stone(policy: Policy, stone: Stone, version: ServerVersion, target: ServerVersion, hosts: Sequence[str]) -> Finding:
    way = path(policy, version, target)
    go = f". Go {' -> '.join(way)}" if len(way) > 2 else ""
    return Finding(
        "stepping_stone",
        f"{_run(hosts, version)}: on the way to {target}, {stone.why}{go}",
        refuses=stone.severity == "refuse",
        waivable=stone.waivable,
        seen=tuple(hosts),
        source=stone.source,
    )


def _down(policy: Policy, version: ServerVersion, target: ServerVersion, hosts: Sequence[str]) -> Iterator[Finding]:
    if _key(version) == _key(target):
        yield from _patches_down(policy, version, target, hosts)
        return
    way, stops = way_back(policy, target, version), path(policy, version, target)
    why = f": {way.note}" if way.note else ""
    if way.open:
        end = _later(policy, version, target)
    elif len(stops) > 2:
        end = f"Go one minor at a time: {' -> '.join(stops)}"
    else:
        end = f"Take a later {target.major}.{target.minor}, or stay"
    yield Finding(
        "downgrade",
        f"{_run(hosts, version)}: {target} is older, and going down by a minor is a risk{why}. {end}",
        waivable=way.open,
        seen=tuple(hosts),
        source=way.source,
    )


def _patches_down(policy: Policy, version: ServerVersion, target: ServerVersion, hosts: Sequence[str]) -> Iterator[Finding]:
    patches = [patch for patch in range(target.patch, version.patch) if _was_released(policy, target, patch)]
    if len(patches) > 1:
        message = (
            f"{_run(hosts, version)}: {target} is {len(patches)} patches down. NATS supports going back by one; more may work, "
            f"and is not tested. {_later(policy, version, target)}"
        )
        yield Finding("downgrade", message, seen=tuple(hosts), source="nats-io/nats.docs upgrading_cluster.md")


def _later(policy: Policy, version: ServerVersion, target: ServerVersion) -> str:
    """What is still judged after a downgrade was waived."""
    keys = [key for minor in policy.minors if _key(target) < minor.key <= _key(version) for key in minor.config_keys]
    known = f", such as {', '.join(keys)}" if keys else ""
    return (
        f"Who waives this still meets two gates: streams and consumers have to do with API level {api_level(policy, target)} "
        f"(downgrade_assets), and {target} has to accept the configuration, so take out what it does not know{known} (config)"
    )


def way_back(policy: Policy, old: ServerVersion, new: ServerVersion) -> WayBack:
    """Whether a node that runs C(new) can be put back to C(old): by the floors, and never by more minors than the window has."""
    if not old < new:
        return WayBack(True, "", "")
    floors = _floors(policy, new, old)
    hard = [floor for floor in floors if floor.hard]
    too_far = _too_far_down(policy, new, old)
    source = "; ".join(floor.source for floor in hard or floors) or (policy.window.source if too_far else "")
    said = ([too_far] if too_far else []) + _whys(hard or floors)
    return WayBack(not (too_far or hard), "; ".join(said), source)


def _too_far_down(policy: Policy, version: ServerVersion, target: ServerVersion) -> str:
    if version.major != target.major:
        return f"nats-server {target.major} and {version.major} cannot be in one cluster"
    steps = len(_steps(policy, target, version))
    return (
        f"{target} is {steps} minors down, and the window is {policy.window.minors_down}"
        if steps > policy.window.minors_down
        else ""
    )


def _floors(policy: Policy, version: ServerVersion, target: ServerVersion) -> list[Floor]:
    return [floor for floor in policy.downgrade_floors if version in floor.old and target in floor.new]


def _whys(floors: Sequence[Floor]) -> list[str]:
    slow = any(floor.slow_start for floor in floors)
    return [floor.why for floor in floors] + (
        ["the first start is slow and busy, for it rebuilds index.db of every stream, and loses nothing"] if slow else []
    )


def api_level(policy: Policy, version: ServerVersion) -> int:
    """The JetStream API level of a version; 0 below 2.11, and that of the newest minor known for one that is newer still."""
    levels = [minor.api_level for minor in policy.minors if minor.key <= _key(version)]
    return levels[-1] if levels else 0


def required_level(policy: Policy, kind: str, config: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """The API level that a stream or consumer needs, and the fields that need just that.

    A server notes the level in the metadata, but not one of 2.10, and not for an asset from before 2.11: so the fields count
    too. There may be none where the server knows better than the rules.
    """
    levels = {feature.field: feature.level for feature in _in_use(policy, kind, config) if feature.level}
    level = max([noted_level(config), *levels.values()])
    return level, tuple(field for field, needed in levels.items() if needed == level)


def unsupported_fields(policy: Policy, kind: str, config: Mapping[str, Any], target: ServerVersion) -> tuple[str, ...]:
    """The fields in use that came after the minor of the target; below 2.11 that is all there is, for it has no levels."""
    return tuple(feature.field for feature in _in_use(policy, kind, config) if feature.since > _key(target))


def _in_use(policy: Policy, kind: str, config: Mapping[str, Any]) -> Iterator[Feature]:
    for feature in policy.features:
        if feature.kind != kind or feature.keys[0] not in config:
            continue
        values = [value for value in _values(config, feature.keys) if value and value not in _NOT_SET]
        if feature.value in values if feature.value else values:
            yield feature


def _values(config: Any, keys: Sequence[str]) -> Iterator[Any]:
    if isinstance(config, (list, tuple)) and keys:
        for one in config:
            yield from _values(one, keys)
    elif not keys:
        yield config
    elif isinstance(config, Mapping):
        yield from _values(config.get(keys[0]), keys[1:])


def notes(policy: Policy, old: ServerVersion, new: ServerVersion) -> tuple[Note, ...]:
    """What to know of each minor that is stepped into on the way up, oldest first; nothing for a patch or on the way down."""
    steps = _steps(policy, old, new)
    return tuple(note for minor in policy.minors if minor.key in steps for note in _notes(minor))


def _notes(minor: Minor) -> Iterable[Note]:
    yield from minor.notes
    if minor.config_keys:
        text = (
            f"New in the configuration: {', '.join(minor.config_keys)}. Servers before {minor} do not start with any of them, so "
            "add them after the last node is done, and take them out before going back."
        )
        yield Note(str(minor), text, "nats-io/nats-server server/opts.go", minor.config_keys)


def is_expected_noise(policy: Policy, line: str) -> bool:
    """Whether a line of a server's log is one that a roll brings and nobody has to look into."""
    return any(noise.pattern.search(line) for noise in policy.expected_log_noise)


def _key(version: ServerVersion) -> MinorKey:
    return version.major, version.minor


def _minor(policy: Policy, version: ServerVersion) -> Minor | None:
    return next((minor for minor in policy.minors if minor.key == _key(version)), None)


def _newest(policy: Policy, version: ServerVersion) -> ServerVersion:
    """The latest patch of the version's own minor, where there is one."""
    return (_minor(policy, version) or policy.minors[-1]).latest


def _steps(policy: Policy, low: ServerVersion, high: ServerVersion) -> tuple[MinorKey, ...]:
    """The minors above one version up to another: those that there are, and beyond what the rules know every number."""
    known = [minor.key for minor in policy.minors]
    keys = ((low.major, number) for number in range(low.minor + 1, high.minor + 1))
    return tuple(key for key in keys if key in known or not known[0] < key < known[-1])


def _months(policy: Policy, low: ServerVersion, high: ServerVersion) -> int:
    """Full months between the first releases of two minors; 0 where one is not known."""
    old, new = _minor(policy, low), _minor(policy, high)
    if old is None or new is None:
        return 0
    between = (new.released.year - old.released.year) * 12 + new.released.month - old.released.month
    return between - (new.released.day < old.released.day)


def _was_released(policy: Policy, of: ServerVersion, patch: int) -> bool:
    version = ServerVersion(of.major, of.minor, patch)
    return not any(version in rule.versions for rule in policy.never_released)


def _run(hosts: Sequence[str], version: object) -> str:
    named = ", ".join(hosts[:_NAMED]) + (f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else "")
    return f"{named} {'run' if len(hosts) > 1 else 'runs'} {version}"
