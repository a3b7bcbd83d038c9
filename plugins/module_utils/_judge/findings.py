# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reasons not to begin and warnings, each with a name, and what a user says of them by that name. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge.risks import RISKS

# What a user may waive, and what each name stands for.
NAMES: Mapping[str, str] = {
    "bad_release": "the target is a release with a known fault",
    "client_capacity": "the other servers have no room for the clients of a node that is away",
    "client_impact": "the client probe waited too long or lost a message while a node was taken, or has ended by itself",
    "compose_container": "compose made the container, and its files name another image",
    "custom_order": "nats_upgrade_order leaves hosts out, or goes against the order that would be computed",
    "damaged_journal": "what an earlier run wrote down on a node cannot be read",
    "degraded_group": "a stream, a consumer or the meta group does not have all its replicas",
    "downgrade": "the target is older than what runs, by more than one patch",
    "end_of_life": "the target gets no patches any more",
    "feature_wedge": "a stream was made in mid-roll with a feature that servers still to be upgraded do not know",
    "ghost_peer": "the meta group counts a server that has gone",
    "insecure_source": "the hash of the archive comes over a line on which it can be changed",
    "leafnode_min_version": "a hub does not take leaf nodes of a version that runs, or of the target",
    "leftover_hold": "an earlier run that broke off still holds automatic restarts",
    "many_consumers": "a stream is near the number of consumers that the target allows",
    "missing_assets": "streams or consumers that were there before are not there now",
    "missing_gateway": "clusters that are joined by gateways do not see each other",
    "missing_route": "servers of a cluster do not see each other",
    "missing_server": "a host of the inventory does not answer",
    "missing_store": "a server serves streams whose files are not on its disk any more",
    "mixed_configs": "the configurations of the servers differ",
    "mixed_versions": "the servers run several versions already",
    "movable_tag": "the image is named by a tag, which can be moved to another image",
    "not_started_at_boot": "a reboot of the host would not bring its server back",
    "offline_assets": "streams or consumers are offline already",
    "pending_identity": "a server would not start as what it runs as",
    "prerelease": "the target is a preview or a release candidate",
    "r1_assets": "streams and consumers without a second replica are down while their node is",
    "replaced_binary": "another version than the one that runs lies where the server is started from",
    "shared_binary": "one file starts several servers of a machine",
    "single_route": "a server knows only one other by its configuration",
    "single_server": "a server is alone in its cluster",
    "skipped_minor": "the target is more than one minor away",
    "started_by_unit": "a unit of systemd runs the container by a docker client, and would start it again",
    "stepping_stone": "the target wants another version to run before it",
    "surge_config": "a temporary server would serve other clients than the cluster does, or be known to none",
    "target_changed": "a roll to another version has not ended",
    "two_node_cluster": "a cluster of two cannot do without either",
    "unhealthy_server": "a server is not healthy before the first step",
    "unknown_version": "the rules do not know a version",
    "unlisted_cluster": "a cluster that this one is joined to is not in the inventory",
    "unlisted_server": "a server is in the cluster and not in the inventory",
    "unsafe_path": "others than root can change what is started as the server",
    "unsafe_unit": "the service manager may stop or start the server at the wrong time",
    "version_window": "the target is further away from what runs than the policy allows",
    "versioned_path": "the server is started by a path that names the old version, and no link can be switched",
    "withdrawn_version": "there is no such release, or no longer",
}
# What nobody may waive: going on would be guessing, or would break the cluster for certain.
FINAL: Mapping[str, str] = {
    "config": "the target does not start with the configuration that is deployed",
    "diverged_replica": "a replica of a stream lacks messages that another one has",
    "downgrade_assets": "the target cannot serve streams or consumers that exist",
    "duplicate_name": "two hosts answer as the same server",
    "floating_image": "the image has no exact tag and no digest",
    "foreign_facts": "what was found out on one node is given for another",
    "lame_duck_settings": "the server would not start with its lame duck settings",
    "locked": "another run is at work on this cluster",
    "managed_link": "update-alternatives writes the link that would be switched",
    "names_with_spaces": "a server, cluster or gateway name has a space in it, and the target does not start with it",
    "no_archive": "the archive of the target cannot be fetched, or is none",
    "no_data_volume": "the data of a server lie in its container, and would be lost with it",
    "no_hash": "nothing says which file is the right one",
    "no_image": "the image of the target is not there and cannot be had",
    "no_package": "no package of the target can be had, or the server does not come from it",
    "no_room": "the new version does not fit on a node, or on the controller",
    "not_exact": "the target is not one exact release",
    "old_python": "the Python of a node is too old for this ansible-core, or there is none",
    "other_process": "the process that was found is not the server that answers",
    "other_program": "a start would not take the program, the configuration or the folder of the process that runs",
    "package_lock": "another program installs packages on a node",
    "quorum": "stopping a node would take the last majority of a group",
    "rebalance_account": "clients are to be asked to move, and there is no system account to ask them by",
    "removed_on_exit": "the container is removed when its server exits",
    "shared_state_dir": "two servers of a machine keep their journal and lock in one folder",
    "surge_jetstream": "a temporary server has JetStream, so that the meta group would miss it once it has gone",
    "surge_server": "a temporary server cannot be one",
    "wrong_hash": "the archive of the target is not the one that its hash names",
    "wrong_image": "the image holds another version than the target",
}
NOT_WAIVABLE = "It cannot be waived."


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: to a plan a reason not to begin, or a warning.

    C(message) says what was seen, where, why it matters and, where C(next) does not, what to do, without the word refused;
    C(seen) names the hosts, servers or assets concerned. C(offered) is false where a waiver is taken, but not put into anybody's
    mouth: going on could cost a majority, or is for nobody whose variable has a typo. C(details) are for programs.
    """

    name: str
    message: str
    refuses: bool = True
    waivable: bool = True
    seen: tuple[str, ...] = ()
    source: str = ""
    offered: bool = True
    next: str = ""
    cluster: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def risk(self) -> str:
        """What a waiver of it risks; empty where none is offered."""
        return RISKS.get(self.name, "") if self.waivable and self.offered else ""

    def __post_init__(self) -> None:
        # Names are printable since they were read; what was found out on a node, as a path, is as it is there.
        object.__setattr__(self, "message", _text.message(self.message))
        object.__setattr__(self, "waivable", self.waivable and self.name not in FINAL)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "message": self.message,
            "refuses": self.refuses,
            "waivable": self.waivable,
            "risk": self.risk,
            "seen": list(self.seen),
            "source": self.source,
        }


@dataclass(frozen=True)
class Settled:
    """Findings after the user's waivers: what stops the run, what is only said, and what was waived."""

    refusals: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    waived: tuple[Finding, ...]


def require_known(waive: Sequence[str]) -> frozenset[str]:
    """Return the names to waive; raises NatsError for one that does not exist or that nobody may waive."""
    if isinstance(waive, str) or not isinstance(waive, Sequence):
        raise NatsError(f"nats_upgrade_waive is {waive!r}, and has to be a list of names, such as [two_node_cluster]")
    for name in waive:
        if not isinstance(name, str):
            raise NatsError(
                f"nats_upgrade_waive names {name!r}, which is not text: give a list of names, such as [two_node_cluster]"
            )
        if name in FINAL:
            raise NatsError(f"nats_upgrade_waive names {name}, which cannot be waived: {FINAL[name]}. Take it out of the list")
        if name not in NAMES:
            close = _text.meant(name.lower(), [*NAMES, *FINAL])
            raise NatsError(f"nats_upgrade_waive names '{name}', which does not exist{close}. Known are {', '.join(NAMES)}")
    return frozenset(waive)


def settle(findings: Iterable[Finding], waived: frozenset[str]) -> Settled:
    """Sort findings into what refuses, what warns and what is waived, each in the order given.

    What cannot be waived stays where it is though its name is waived: a name may stand for faults of both kinds. A refusal
    of that kind says so at its end.
    """
    refusals, warnings, let_go = [], [], []
    for finding in findings:
        if finding.waivable and finding.name in waived:
            let_go.append(finding)
        elif not finding.refuses:
            warnings.append(finding)
        else:
            refusals.append(finding if finding.waivable else _final(finding))
    return Settled(tuple(refusals), tuple(warnings), tuple(let_go))


def _final(finding: Finding) -> Finding:
    message = finding.message.rstrip()
    if not message.endswith(NOT_WAIVABLE):
        message = f"{message}{'' if message.endswith(('.', '!', '?')) else '.'} {NOT_WAIVABLE}"
    return replace(finding, message=message)
