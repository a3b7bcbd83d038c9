# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is said of each variable, in paragraphs, with the markup of Ansible's documentation. With table.py it makes the files in
which Ansible and people read of them, defaults/main.yml and meta/argument_specs.yml of the roles: C(make variables).

A name with a point is a key of a dictionary.
"""

from __future__ import annotations

from typing import Mapping, Tuple

Paragraphs = Tuple[str, ...]

UPGRADE: Mapping[str, Paragraphs] = {
    "nats_upgrade_version": (
        "To be given, but for a rolling restart. The exact version to go to, newer or older, such as V(2.15.1). V(latest), "
        "V(2.15) and V(v2.15.1) are refused.",
    ),
    "nats_upgrade_mode": (
        "What kind of roll it is. The playbooks C(natsops.cluster.upgrade) and C(natsops.cluster.restart) set it.",
        "For C(natsops.cluster.plan), V(restart) tells what a rolling restart would do.",
    ),
    "nats_upgrade_restart_all": (
        "Whether a rolling restart takes every server, and not only those that would not start as they run, because their "
        "configuration was changed or another binary was installed.",
    ),
    "nats_upgrade_restart_reboot": (
        "Whether a rolling restart takes every server, and reboots its host in its turn instead of only starting the server "
        "again.",
        "The unit of the server has to be started at boot (refusal C(not_started_at_boot)).",
    ),
    "nats_upgrade_restart_reboot_command": (
        "Command that reboots a host. The default is that of M(ansible.builtin.reboot), C(shutdown -r).",
    ),
    "nats_upgrade_restart_reboot_timeout_seconds": ("Longest time for a host to come back from its reboot, in seconds.",),
    "nats_upgrade_group": (
        "Inventory group with the hosts of the cluster. Give it as an extra variable, for it chooses the hosts of the plays.",
    ),
    "nats_upgrade_artifact": (
        "What is installed. V(archive) is a release archive (tar.gz), V(package) a Debian package or an RPM, V(image) a "
        "container image.",
    ),
    "nats_upgrade_service": (
        "What starts the server. V(systemd) is the unit O(nats_upgrade_service_name).",
        "With V(command), O(nats_upgrade_start_command) starts it and O(nats_upgrade_pid_file) finds it.",
        "V(docker) is the container O(nats_upgrade_service_name) of the docker engine on the node, with "
        "O(nats_upgrade_artifact=image).",
        "V(podman) is the unit O(nats_upgrade_service_name), which runs the server by C(podman run), with "
        "O(nats_upgrade_artifact=image).",
    ),
    "nats_upgrade_arch": (
        "The node's architecture as in the names of archives. It is found out; to be used in O(nats_upgrade_archive_url).",
    ),
    "nats_upgrade_archive_url": (
        "Address of the archive. Any address that the controller can read; C(file://) is a path on the controller.",
        "The default is the official release.",
    ),
    "nats_upgrade_checksums_url": (
        "Address of the file that lists its SHA-256. The default is C(SHA256SUMS) beside the archive.",
        "Over plain C(http) anyone on the way could change it together with the archive, which is refused as C(insecure_source).",
    ),
    "nats_upgrade_archive_sha256": (
        "SHA-256 of the archive, or a dictionary of them by architecture. Comes before O(nats_upgrade_checksums_url).",
    ),
    "nats_upgrade_archive_username": (
        "User for a private mirror. It goes to the host of the address, and to none that this redirects to.",
    ),
    "nats_upgrade_archive_password": ("Password for a private mirror.",),
    "nats_upgrade_package_name": ("Name of the package that the server comes from.",),
    "nats_upgrade_package_version": (
        "The exact version of the package, such as V(2.15.1-2), where the repositories of a node have several of "
        "O(nats_upgrade_version). Else it is found by that.",
    ),
    "nats_upgrade_package_file": (
        "A package file (.deb or .rpm) in place of a repository. A path on the controller, or an address that it can read; "
        "O(nats_upgrade_arch) may be a part of it.",
    ),
    "nats_upgrade_package_sha256": (
        "SHA-256 of that file, or a dictionary of them by architecture. No hash, no install, for an address.",
    ),
    "nats_upgrade_image": (
        "For O(nats_upgrade_artifact=image), the image of the new version, by digest (V(nats@sha256:...)) or with an exact "
        "tag, which is warned of, because a tag can be moved. V(latest), V(nats:2.15) and no tag at all are refused. The "
        "server in it has to be O(nats_upgrade_version).",
        "Nodes pull it, with their own credentials, unless they have it. The default is the official image.",
    ),
    "nats_upgrade_image_file": (
        "File of C(docker save) or C(podman save) on the controller, from which nodes load O(nats_upgrade_image) instead of "
        "pulling it.",
    ),
    "nats_upgrade_download_dir": ("Folder on the controller that archives and packages are kept in.",),
    "nats_upgrade_service_name": ("Name of the systemd unit, or of the container.",),
    "nats_upgrade_pid_file": (
        "For O(nats_upgrade_service=command), the file that holds the server's pid (C(pid_file) of its configuration).",
    ),
    "nats_upgrade_start_command": ("For O(nats_upgrade_service=command), program and arguments that start the server.",),
    "nats_upgrade_start_detach": (
        "Whether O(nats_upgrade_start_command) is the server itself, which is then started in a session of its own.",
        "With V(false) it asks a supervisor to start the server, and its exit code counts.",
    ),
    "nats_upgrade_hold_command": (
        "For O(nats_upgrade_service=command), program and arguments that keep the supervisor from starting the server again.",
    ),
    "nats_upgrade_release_command": ("Program and arguments that undo O(nats_upgrade_hold_command).",),
    "nats_upgrade_stop_command": ("Program and arguments that make the supervisor stop a new server that does not come up.",),
    "nats_upgrade_status_command": (
        "For O(nats_upgrade_service=command), program and arguments that end with 0 where the supervisor runs the server. "
        "Asked before anything is touched, which refuses a server that runs and is not the supervisor's, and again of each "
        "server that is back, for up to O(nats_upgrade_start_timeout_seconds).",
    ),
    "nats_upgrade_log_command": (
        "For O(nats_upgrade_service=command), program and arguments that print the end of what the server has said. To be "
        "set where a supervisor keeps that to itself; the default is the file that the server writes to.",
    ),
    "nats_upgrade_binary_path": (
        "Path of the server binary. The default is what the running process was started by. Of the links on the way, the one "
        "that holds the version is switched.",
    ),
    "nats_upgrade_config_path": ("Path of the configuration. The default is what the running process was started with.",),
    "nats_upgrade_state_dir": (
        "Folder on the node for the lock and the journal of an upgrade, and the first output of a server that was started "
        "detached. Several servers on one machine need one each.",
    ),
    "nats_upgrade_monitor_url": (
        "Address of the server's monitoring port. https and a base path work.",
        "The default is C(http://HOST:8222), with C(ansible_host) or else the inventory name of the host; with "
        "O(nats_upgrade_probe_from=node) it is C(http://127.0.0.1:8222).",
    ),
    "nats_upgrade_probe_from": (
        "V(controller) reads monitoring ports from the controller.",
        "V(node) reads each on its own host, over Ansible's connection to it and without C(become), for ports that are bound "
        "to loopback.",
    ),
    "nats_upgrade_system_account": (
        "A user of the system account of the servers. With it everything is read over NATS, from the controller, and no "
        "monitoring port is needed. The controller needs C(nats-py[nkeys]). Hosts may have accounts of their own, and some "
        "none.",
        "Needs one of C(creds), C(nkey), C(user) with C(password), or C(tls) with a certificate that names the user.",
    ),
    "nats_upgrade_system_account.servers": (
        "URLs of servers, C(nats://) or C(tls://). The default is port 4222 of the group's hosts with this account.",
    ),
    "nats_upgrade_system_account.creds": ("File with credentials (C(.creds)) on the controller.",),
    "nats_upgrade_system_account.nkey": ("File with the seed of an nkey on the controller.",),
    "nats_upgrade_system_account.user": ("Name of the user.",),
    "nats_upgrade_system_account.password": ("Password of the user. Keep it in a vault.",),
    "nats_upgrade_system_account.tls": ("Certificates, where servers ask for TLS. Files are on the controller.",),
    "nats_upgrade_system_account.tls.ca": (
        "PEM file with the authorities of the servers' certificates. The default is what the controller trusts.",
    ),
    "nats_upgrade_system_account.tls.cert": ("PEM file with our certificate, where servers ask for one.",),
    "nats_upgrade_system_account.tls.key": ("PEM file with its key.",),
    "nats_upgrade_system_account.tls.verify": (
        "Whether the certificates of the servers have to be right. The default is V(true).",
    ),
    "nats_upgrade_server_name": (
        "C(server_name) of the server, by which its answers over NATS are told from those of others.",
        "The default is the inventory name of the host, or that up to its first dot.",
    ),
    "nats_upgrade_validate_certs": ("Whether the certificates of monitoring ports and of the mirror have to be trusted.",),
    "nats_upgrade_ca_path": (
        "PEM file with the authorities to trust for monitoring ports. The default is the system's.",
        "It is on the controller; for monitoring with O(nats_upgrade_probe_from=node), on the node.",
    ),
    "nats_upgrade_max_answer_mib": (
        "Most that is taken of what one server answers at once, in MiB; more is a server that cannot be read.",
        "A server with very many streams and consumers may need more; see docs/security.md.",
    ),
    "nats_upgrade_archive_ca_path": (
        "PEM file on the controller with the authorities to trust for the mirror of archives, packages and checksums. The "
        "default is the system's.",
        "It is not O(nats_upgrade_ca_path), because servers with certificates of one's own are common where archives come "
        "from elsewhere.",
    ),
    "nats_upgrade_drain_timeout_seconds": (
        "Longest time for a node to drain and exit, in seconds.",
        "The default is C(lame_duck_duration) of the deployed configuration, or 120 where that is not set, and 30 more.",
    ),
    "nats_upgrade_health_timeout_seconds": (
        "Longest time without progress while the cluster, or a node, is not yet healthy, in seconds. Progress is a lag, or a "
        "number of things that are missing, which is lower than ever before by a twentieth or more.",
        "A wait ends after three times this, however much progress there is.",
    ),
    "nats_upgrade_start_timeout_seconds": (
        "Longest time in which a started server does not open its monitoring port, in seconds.",
    ),
    "nats_upgrade_max_lag": (
        "How many entries or messages a replica may be behind to count as current. Raise it under very high load.",
    ),
    "nats_upgrade_soak_seconds": (
        "How long the cluster is watched after each node but the last, in seconds. It has to be healthy at the end of it.",
    ),
    "nats_upgrade_waive": (
        "Names of refusals and warnings that are accepted. They stay in the plan, as waived. A name that does not exist is "
        "an error that lists those that do. What would certainly break cannot be waived.",
        "What was wrong with the cluster before the roll and is waived does not block any step; what is new stops the run.",
    ),
    "nats_upgrade_order": (
        "Groups of hosts that are taken one after the other, where the computed order must be overruled. Each is a list of "
        "hosts or the name of an inventory group, for example V([[n4, n5], [n1, n2, n3]]) or V([edge, core]). With C(-e "
        "NAME=VALUE) it is such names separated by commas, or JSON.",
        "Inside of a group the computed order holds. Hosts that are not named come last, and a warning says so, and where "
        "the order goes against what would be computed. A name that does not exist is refused. A node whose turn broke off "
        "comes before all of it.",
    ),
    "nats_upgrade_refuse_r1": (
        "Whether streams and consumers that are down while their node is away refuse the run, instead of a warning.",
    ),
    "nats_upgrade_policy_file": (
        "File on the controller that extends the rules about versions, in the shape of "
        "C(plugins/module_utils/_policy/version_policy.yml) of the collection.",
    ),
    "nats_upgrade_hooks": (
        "C(before_node) and C(after_node), each the path of a file of tasks on the controller, run in the turn of each node.",
    ),
    "nats_upgrade_surge_group": (
        "Inventory group with the hosts of temporary servers, which need not exist. Each is started before the first node "
        "leaves, and drained and stopped after the last, also when the run fails and the cluster can do without it.",
        "Its variables (O(nats_upgrade_service), O(nats_upgrade_service_name), O(nats_upgrade_monitor_url) and the like) say "
        "how it is run.",
    ),
    "nats_upgrade_surge_timeout_seconds": ("Longest time until temporary servers have joined, or have gone, in seconds.",),
    "nats_upgrade_rebalance": (
        "Whether clients of overfull servers are asked to move after the roll, until they sit evenly. None moves back by "
        "itself. Needs O(nats_upgrade_system_account).",
        "A client that is moved is disconnected and connects to a server of its choice. What it has under way at that moment "
        "may time out.",
    ),
    "nats_upgrade_rebalance_tolerance_percent": (
        "By how many percent a server may have more clients than the mean of its cluster.",
    ),
    "nats_upgrade_rebalance_batch_percent": (
        "How many of the clients that are too many are asked at once, in percent, and one at least.",
    ),
    "nats_upgrade_rebalance_pause_seconds": (
        "How long a client that was told to move has to do so by itself, in seconds, before its connection is ended.",
    ),
    "nats_upgrade_client_probe": (
        "An ordinary user of the servers. With it a client on the controller publishes, consumes, asks and answers during "
        "the roll, on subjects and a stream of its own, and the run tells what it saw of each node's turn. The controller "
        "needs C(nats-py[nkeys]).",
        "At most one of C(creds), C(nkey), C(user) with C(password), and C(token). Where servers ask for nobody, C(servers) "
        "will do.",
        "Without JetStream, or where the user may not use it, streams are left out with a warning.",
    ),
    "nats_upgrade_client_probe.servers": (
        "URLs of servers of one cluster, C(nats://) or C(tls://). The default is port 4222 of its hosts.",
    ),
    "nats_upgrade_client_probe.creds": ("File with credentials (C(.creds)) on the controller.",),
    "nats_upgrade_client_probe.nkey": ("File with the seed of an nkey on the controller.",),
    "nats_upgrade_client_probe.user": ("Name of the user.",),
    "nats_upgrade_client_probe.password": ("Password of the user. Keep it in a vault.",),
    "nats_upgrade_client_probe.token": ("Token, where servers ask for one. Keep it in a vault.",),
    "nats_upgrade_client_probe.subject_prefix": (
        "What its subjects begin with, before the id of the run. The default is V(natsops.probe).",
    ),
    "nats_upgrade_client_probe.rate": ("How often it does each thing, per second. The default is V(20), the most V(1000).",),
    "nats_upgrade_client_probe.tls": ("Certificates, where servers ask for TLS.",),
    "nats_upgrade_client_probe.tls.ca": (
        "PEM file with the authority of the servers' certificates. The default is what the controller trusts.",
    ),
    "nats_upgrade_client_probe.tls.cert": ("PEM file with our certificate, where servers ask for one.",),
    "nats_upgrade_client_probe.tls.key": ("PEM file with its key.",),
    "nats_upgrade_client_probe.tls.verify": (
        "Whether the certificates of the servers have to be right. The default is V(true).",
    ),
    "nats_upgrade_client_probe_max_gap_seconds": (
        "The longest time in seconds that the client probe may wait for anything during the turn of a node. Where it was "
        "longer, or a message was lost, the run stops before the next node, unless O(nats_upgrade_waive) has "
        "V(client_impact). V(0) is no limit.",
    ),
    "nats_upgrade_lock_lease_seconds": (
        "How long a run that has died keeps others out, in seconds. It is renewed while a run lives.",
        "A run that has died on the same controller keeps nobody out.",
    ),
    "nats_upgrade_report_dir": (
        "Folder on the controller for what is written about runs. Each has a folder there with its events (C(events.jsonl)), "
        "its report (C(report.html), and the same as C(report.json)), and what the cluster had before each node was stopped.",
        "A roll does not begin where nothing can be written there.",
    ),
    "nats_upgrade_progress": (
        "How a wait is shown. V(lines) is a line when something changes, at least every 10 seconds; V(bar) a line that is "
        "written anew in its place, for terminals.",
        "V(auto) is V(bar) on a terminal, and V(lines) elsewhere and in AWX.",
        "V(off) shows neither.",
    ),
    "nats_upgrade_max_nodes": (
        "How many nodes one run takes at most, of those that C(--limit) leaves it; V(all) for no limit. V(1) upgrades a canary.",
        "The run verifies the cluster, and ends well. The same command again goes on with the next nodes. A node whose turn "
        "broke off comes first, and counts.",
    ),
    "nats_upgrade_rollback": ("Whether the old version is put back on a node where the new one does not come up.",),
    "nats_upgrade_keep_versions": ("How many versions of the binary stay on a node, the running and the new one included.",),
}

AUDIT: Mapping[str, Paragraphs] = {
    "nats_audit_format": (
        "V(table) for people, V(json) for programs, V(prometheus) for the textfile collector of node_exporter. With "
        "O(nats_audit_output) it is the format of that file, and the job shows the table.",
    ),
    "nats_audit_output": (
        "File on the controller to write to, replaced in one step. Its folder has to exist. Not written in check mode.",
    ),
    "nats_audit_max_mismatch_seconds": ("How long a cluster may run several versions, in seconds, before that is overdue.",),
    "nats_audit_active_seconds": ("How long after the last start a roll counts as going on, in seconds.",),
    "nats_audit_disk": (
        "Whether to log in to each node too, and to find out which version lies where the server is started from.",
        "The server is found by C(nats_upgrade_service), C(nats_upgrade_service_name) and C(nats_upgrade_pid_file).",
    ),
    "nats_audit_fail_on": ("Names of the findings that make the audit fail. An empty list lets it end well whatever it finds.",),
    "nats_audit_max_in_flight": ("Most requests under way at once. Each server gets one at a time.",),
    "nats_audit_request_timeout_seconds": ("Longest time for one request, in seconds.",),
}
