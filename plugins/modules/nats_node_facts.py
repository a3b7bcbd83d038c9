#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Find out how the NATS server of a node is run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_node_facts
short_description: Find out how the NATS server of a node is run
version_added: "0.1.0"
description:
  - Finds the server's process and reads from it, or from its systemd unit, what an upgrade has to know, into
    C(ansible_facts.nats_node), or C(nats_node) with O(as_facts=false).
  - Changes nothing. Needs the rights to read the process, its configuration and, for a unit, none more.
options:
  host:
    description:
      - Name of the host in the inventory. The facts carry it, so that nothing is judged by those of another host.
      - The default is the host of the task, or the one that it is delegated to.
    type: str
  binary_path:
    description:
      - Path of the server binary; links are kept. The default is the program in C(ExecStart) of the unit, or in O(start_argv).
      - The arguments of the process count only where it is root's, or of the user of the task. Those of another user's process
        are compared with the path, see RV(ansible_facts.nats_node.differs).
    type: path
  store_dir:
    description:
      - Folder of the server's JetStream store, as it says itself (C(store_dir) of M(natsops.cluster.nats_version_facts)).
      - Where given, the facts tell which streams are stored there. One that is stored and not served is offline.
    type: path
  config_path:
    description: Path of the configuration file. The default is what the unit, O(start_argv) or the process was started with.
    type: path
  image:
    description: >-
      Image that is to take the place of the container's, so that the facts say whether it is there. With O(container), or a
      O(service) that runs podman.
    type: str
  state_dir:
    description:
      - Folder on the node with the lock and the journal of M(natsops.cluster.nats_lock) and M(natsops.cluster.nats_journal).
        Where given, the facts say what runs have left on the node.
      - Of a server that does not run, and no unit tells how it would be started, the paths are then those that the journal of an
        unfinished turn holds.
    type: path
  version:
    description: The version that is to be staged beside the binary, so that the facts say how much room there is for it.
    type: str
  start_argv:
    description: >-
      Program and arguments that would start the server. Where it has no unit, they tell where its binary and its configuration
      are. It may be run by another program, as by C(runuser).
    type: list
    elements: str
  switches:
    description: Whether a roll is to switch the binary. The facts then tell what it switches, and which other servers with it.
    type: bool
  next_start:
    description:
      - The fact RV(ansible_facts.nats_node.next_start) that a plan was made by. Where given, the module fails if the next start
        would make another server by now, because a file was changed meanwhile.
      - What is not known, then or now, is no change.
    type: dict
  waive:
    description: With V(pending_identity) in it, what loses nothing, such as another port, is no failure.
    type: list
    elements: str
    default: []
  fingerprint_key:
    description:
      - Where given, the facts tell who may connect to the server by its configuration, so that servers can be compared.
      - Of passwords and permissions they hold fingerprints made with this key. Draw a new one for each run.
    type: str
extends_documentation_fragment:
  - natsops.cluster._attributes
  - natsops.cluster._as_facts
  - natsops.cluster._server
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Find out how the server is run
  natsops.cluster.nats_node_facts:
    service: nats-server
"""

RETURN = r"""
nats_node:
  description: What is C(ansible_facts.nats_node) otherwise.
  type: dict
  returned: success, with O(as_facts=false)
ansible_facts:
  description: Facts to add to the host.
  type: dict
  returned: success, with O(as_facts=true)
  contains:
    nats_node:
      description: How the server is run.
      type: dict
      returned: success
      contains:
        read_on:
          description: >-
            Where these facts were read, C(host) (its name in the inventory), C(hostname) (its own name) and C(machine_id) (of
            C(/etc/machine-id), or empty).
          type: dict
        running:
          description: Whether it runs.
          type: bool
        absence:
          description: Why it counts as not running, else empty.
          type: str
        pid:
          description: Its process id, or null.
          type: int
        start_ticks:
          description:
            - Start time of the process (field 22 of C(/proc/PID/stat)), or null.
            - With the pid it names one process for ever.
          type: int
        uid:
          description: Id of the user that it runs as, or null.
          type: int
        program:
          description: The program that the process runs; empty where there is no process.
          type: str
        found_by:
          description: V(pid), V(pid_file), V(service) or V(container).
          type: str
        listening_ports:
          description:
            - TCP ports that the process listens on, or null where that may not be read.
            - The monitoring port of the server that answers for this host is among them, or it is another server's process.
          type: list
          elements: int
        binary_path:
          description: Path that it is started by; empty where nothing but the process of another user says it.
          type: str
        binary_version:
          description:
            - The version that the binary at that path says it is, which a start would bring; null where it says none.
            - It is asked with the rights of the server. Where these are our own, or not known, only what nobody else can write is
              run.
          type: str
        free_bytes:
          description: >-
            Bytes that are free on the file system where O(version) would be staged; null where it lies there already, is not
            given, or nothing is staged there, as with a container.
          type: int
        config_path:
          description: Its configuration file; empty where there is none.
          type: str
        config_common:
          description: >-
            A digest of what in the configuration is not the server's own (its names, addresses, routes, and places of its files);
            empty where there is none.
          type: str
        config_modified:
          description: When that file, or one that it includes, was last written, in UTC; null where there is none.
          type: str
        cwd:
          description: >-
            Its working directory: that of the unit, or else of a process that is root's or of the user of the task; null where it
            is not known.
          type: str
        output_path:
          description: >-
            File that its standard error goes to, or null; also where the process or the file is of another user than root and the
            user of the task.
          type: str
        log_path:
          description: File that it logs to (C(log_file) of the configuration, else C(output_path)), or null.
          type: str
        lame_duck_duration_seconds:
          description: C(lame_duck_duration) of the configuration, includes and variables followed; 120 where none is set.
          type: float
        lame_duck_duration_source:
          description: Where that was found.
          type: str
        lame_duck_grace_period_seconds:
          description: >-
            C(lame_duck_grace_period) of the configuration: how long clients may stay before the first is moved. 10 where none
            or zero is set, as the server takes it.
          type: float
        used:
          description: What the configuration says is in use that a server does not tell of, V(auth_callout) and V(encryption).
          type: list
          elements: str
        leafnode_min_version:
          description: C(leafnodes.min_version) of the configuration, the oldest version of leaf nodes that it takes; else empty.
          type: str
        stored_streams:
          description: C(ACCOUNT > STREAM) of the streams in O(store_dir); null without it, or where it may not be read.
          type: list
          elements: str
        store:
          description: >-
            V(read), V(missing) (there is no O(store_dir) where the server sees its files), or V(unreadable); empty without
            O(store_dir).
          type: str
        store_read_at:
          description: When that was looked at, in UTC.
          type: str
        next_start:
          description:
            - What the next start of this server would make of it, by its configuration file as it is now, its arguments and its
              environment (those of its unit, where it has one); null where it does not run, or that cannot be known.
            - C(server_name), C(cluster), C(system_account), C(jetstream) (on or off), C(jetstream_domain), C(store_dir),
              C(client_port), C(cluster_port) and C(monitor_port) (0 for none), each null where it cannot be known; and
              C(config_path).
            - C(same_store), whether that folder is O(store_dir), links followed, or null.
            - C(encryption), null where no stream is stored in O(store_dir). C(stored) is V(none), V(chacha) or V(aes), by what is
              on the disk, C(cipher) what is configured, C(has_key) whether a key is, and C(opens) whether it opens what is
              stored. The key itself, or anything made of it, is not among the facts.
          type: dict
        go_arch:
          description: Architecture as in the names of release archives, for example V(amd64).
          type: str
        unit:
          description: >-
            C(name), C(active_state), C(restart), C(timeout_stop_seconds), C(exec_stop), C(need_daemon_reload), C(user),
            C(drop_in_paths), C(kill_signal) (its name, such as V(SIGTERM)) and C(enabled) (C(UnitFileState), such as V(disabled))
            of its systemd unit, or null.
          type: dict
        differs:
          description: >-
            What the process has otherwise than a start would: for each C(what) (V(program), V(configuration) or V(folder)), what
            it C(runs) by its own words, and what C(starts), empty for a program that is not known; of a folder, also the C(paths)
            of the configuration that count from it.
          type: list
          elements: dict
        unsafe_paths:
          description: >-
            Places by which others than root, and than the user of the task, can change what is started: for each the C(program),
            the C(path), its C(owner) and C(mode), whether it is a C(link), and whether it C(refuses) a roll, as where root runs
            the program.
          type: list
          elements: dict
        access:
          description:
            - Who may connect to the server by its configuration. With O(fingerprint_key), of a container while it runs.
            - C(server_name), C(cluster), C(jetstream), C(advertises) (false with C(no_advertise)), C(max_connections) (or null),
              C(tls) and C(route_tls) (V(none), V(TLS) or V(TLS with client certificates)).
            - C(accounts) by name (empty for users in none), each with C(users) by name and C(others); and C(settings). Their
              values are fingerprints.
          type: dict
        binary_switch:
          description:
            - With O(switches), the link or the plain file that a roll to another version switches; null where that is not known.
            - C(path), C(link) (whether it is a link), C(managed) (the link of C(update-alternatives) that holds the version, else
              empty), C(names_version) (the version in RV(ansible_facts.nats_node.binary_path) itself, else empty) and C(place),
              which is the same for hosts that share it.
            - C(others), each with C(pid) and C(config_path), are other servers on the machine that it starts. Those of other
              users are seen by root alone.
          type: dict
        state_place:
          description: With O(state_dir), what tells this folder from all others; the same for hosts that share it.
          type: str
        container:
          description: >-
            C(name), C(id), C(image), C(restart) (its restart policy, as C(docker update) takes it), C(removed_on_exit),
            C(started_by_units) (units of systemd that run it by a docker client), C(config_replaced) (whether its next start
            reads something else in a file of the configuration than its server sees), C(data_paths) (what is mounted in it and
            outlives it), C(mounts) (each with C(source) and C(destination)), C(compose_project), C(compose_service),
            C(compose_files), C(compose_image) (what these files give the service now), C(wanted_image) (O(image)) and
            C(wanted_image_is_here) of its container, or null. With podman, C(restart) is empty, and C(image) is what the unit
            says.
          type: dict
        journal:
          description: >-
            How far the last turn of this node has come, as RV(natsops.cluster.nats_journal#module:journal), or null. With
            O(state_dir).
          type: dict
        lock:
          description: >-
            Who works on this node, as RV(natsops.cluster.nats_lock#module:lock), or null. Its C(state) is V(held), V(expired) or
            V(unreadable). With O(state_dir).
          type: dict
        hold:
          description: >-
            Whether M(natsops.cluster.nats_service) holds the automatic restart of the unit, or
            that of the container; false without either. With O(state_dir).
          type: bool
        package_guard:
          description: >-
            Whether a run that died while M(natsops.cluster.nats_package) installed still keeps packages from starting or stopping
            the server. With O(state_dir).
          type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **_supervisor.SERVER_SPEC,
            "as_facts": {"type": "bool", "default": True},
            "host": {"type": "str"},
            "binary_path": {"type": "path"},
            "config_path": {"type": "path"},
            "image": {"type": "str"},
            "switches": {"type": "bool"},
            "store_dir": {"type": "path"},
            "state_dir": {"type": "path"},
            "version": {"type": "str"},
            "start_argv": {"type": "list", "elements": "str"},
            "next_start": {"type": "dict"},
            "waive": {"type": "list", "elements": "str", "default": []},
            "fingerprint_key": {"type": "str", "no_log": True},
        },
        mutually_exclusive=[_supervisor.SERVER],
        required_one_of=[_supervisor.SERVER],
        supports_check_mode=True,
    )
    try:
        found = {"nats_node": _facts.facts(module.params)}
        module.exit_json(changed=False, **({"ansible_facts": found} if module.params["as_facts"] else found))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
