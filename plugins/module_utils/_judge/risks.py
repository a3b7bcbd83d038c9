# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""What each waiver risks, in the words of docs/waivers.md."""

from __future__ import annotations

from typing import Mapping

RISKS: Mapping[str, str] = {
    "bad_release": "what the message says: lost messages, or a wedged cluster",
    "client_capacity": "clients that find no server for the length of a turn",
    "client_impact": "each node to come may do the same to your clients",
    "compose_container": "the next up brings the old version back, at once and without a drain",
    "custom_order": "nothing more than the order itself does",
    "damaged_journal": "a hold that is left, until the node's turn",
    "degraded_group": "the group may lose its majority, or its last replica, while a node is down",
    "downgrade": "a slow first start, and features that the older version leaves out",
    "end_of_life": "no patches, not for security either",
    "feature_wedge": "upgraded nodes answer 503 for that stream until the last one is done",
    "ghost_peer": "one failure during the roll stops every decision of JetStream",
    "insecure_source": "an archive that somebody else has made runs as your server",
    "leafnode_min_version": "messages of that leaf node wait, or are lost where they are not stored there",
    "leftover_hold": "none: this run ends it",
    "many_consumers": "new consumers are refused above 1000",
    "missing_assets": "loss goes on to the next node unseen",
    "missing_gateway": "messages between the clusters, and a domain's majority that spans them",
    "missing_route": "a node that stops splits the cluster",
    "missing_server": "the next failure is one too many; its version is not known",
    "missing_store": "its stop loses what only it had open",
    "mixed_configs": "clients that move do not find their account or permission",
    "mixed_versions": "features that only some servers know",
    "movable_tag": "two nodes with different images of one name",
    "not_started_at_boot": "the node stays down, and the run stops there",
    "offline_assets": "they are left out of every check",
    "pending_identity": "clients, other servers and this run look for it at the old port",
    "prerelease": "what a release would not have had",
    "r1_assets": "publishers and consumers of them fail meanwhile; those in memory are emptied",
    "replaced_binary": "a crash meanwhile starts that version",
    "shared_binary": "a crash starts another server with that version, before its turn and undrained",
    "single_route": "a server that restarts at the wrong moment stays alone",
    "single_server": "no service for the length of a drain and a start",
    "skipped_minor": "a way that nobody tests",
    "started_by_unit": "the old version comes back in the middle of a turn, or the new container is stopped or removed",
    "stepping_stone": "streams that do not get on, or no way back",
    "surge_config": "clients are turned away by it",
    "target_changed": "three versions in one cluster",
    "two_node_cluster": "nothing replicated can be written while either is away",
    "unhealthy_server": "a server that cannot take over when it has to",
    "unknown_version": "a bad release, or one that wants another before it",
    "unlisted_cluster": "it stays on the old version, and its health is not checked",
    "unlisted_server": "it goes down in the wrong moment, or stays on the old version",
    "unsafe_path": "what that user puts there is the server",
    "unsafe_unit": "none in the roll; clients that are dropped at the next systemctl stop",
    "version_window": "a way that nobody tests",
    "versioned_path": "a file of the new version under the name of the old one",
    "withdrawn_version": "what it was withdrawn for",
}
