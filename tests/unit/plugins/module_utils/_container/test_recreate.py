from __future__ import annotations

from typing import Any

from ansible_collections.natsops.cluster.plugins.module_utils._container import recreate as _recreate

OWN_ID = "52433afbc7c6ac38c34fc8590ca1b556b082ff18ce7c43d62c334ad7f4e2aa7c"
IMAGE: dict[str, Any] = {
    "Config": {
        "Env": ["PATH=/usr/bin", "NATS_SERVER=2.14.6"],
        "Entrypoint": ["/nats-server"],
        "Cmd": ["--config", "nats-server.conf"],
        "Labels": {"version": "2.14.6"},
        "ExposedPorts": {"4222/tcp": {}},
        "Volumes": {"/from-image": {}},
        "User": "nats",
        "WorkingDir": "/",
    }
}


def container(host: dict[str, Any] | None = None, mounts: list[dict[str, Any]] | None = None, **config: Any) -> dict[str, Any]:
    """What the engine says of a container to which nothing was given but what is given here."""
    return {
        "Id": OWN_ID,
        "Config": {**IMAGE["Config"], "Image": "nats:2.14.6", "Hostname": OWN_ID[:12], **config},
        "HostConfig": {"NetworkMode": "default", "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}, **(host or {})},
        "Mounts": mounts or [],
        "NetworkSettings": {"Networks": {"bridge": {"IPAMConfig": None, "Aliases": None}}},
    }


def like(**given: Any) -> dict[str, Any]:
    return _recreate.like(container(**given), IMAGE, "nats:2.15.1")


def test_what_came_from_the_old_image_is_left_to_the_new_one() -> None:
    body = like()
    assert {key: body[key] for key in ("Image", "Env", "Labels", "ExposedPorts", "Volumes")} == {
        "Image": "nats:2.15.1",
        "Env": [],
        "Labels": {},
        "ExposedPorts": {},
        "Volumes": {},
    }
    assert not {"Entrypoint", "Cmd", "User", "WorkingDir", "Hostname"} & set(body)


def test_what_was_given_stays() -> None:
    given = {"Env": ["A=1", *IMAGE["Config"]["Env"]], "Labels": {"version": "mine", "team": "x"}, "User": "0", "Hostname": "n1"}
    body = like(**given, StopSignal="SIGUSR2", Cmd=["-c", "/etc/nats.conf"])
    assert (body["Env"], body["Labels"], body["User"], body["Hostname"]) == (["A=1"], given["Labels"], "0", "n1")
    assert (body["StopSignal"], body["Cmd"], "Entrypoint" in body) == ("SIGUSR2", ["-c", "/etc/nats.conf"], False)


def test_a_command_stays_with_the_entrypoint_that_was_given_though_it_equals_the_image_s() -> None:
    body = like(Entrypoint=["/run.sh"])
    assert (body["Entrypoint"], body["Cmd"]) == (["/run.sh"], IMAGE["Config"]["Cmd"])


def test_restarts_are_held_from_the_beginning_and_nothing_else_of_the_host_is_changed() -> None:
    host = {"Memory": 5, "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "Links": ["/other:/this/alias"]}
    made = like(host={**host, "ContainerIDFile": "/tmp/id"})["HostConfig"]
    assert made == {
        **host,
        "NetworkMode": "default",
        "Links": ["other:alias"],
        "Binds": [],
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    }


def test_volumes_without_a_name_are_the_same_ones_again() -> None:
    mounts = [
        {"Type": "bind", "Source": "/etc/nats", "Destination": "/etc/nats", "RW": False},
        {"Type": "volume", "Name": "named", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "0af1", "Destination": "/from-image", "RW": True},
        {"Type": "volume", "Name": "0af2", "Destination": "/mounted", "RW": True},
        {"Type": "volume", "Name": "0af3", "Destination": "/read", "RW": False},
    ]
    host = {"Binds": ["/etc/nats:/etc/nats:ro", "named:/data"], "Mounts": [{"Type": "volume", "Target": "/mounted"}]}
    made = like(host=host, mounts=mounts)["HostConfig"]
    assert made["Binds"] == [*host["Binds"], "0af1:/from-image", "0af3:/read:ro"]
    assert made["Mounts"] == [{"Type": "volume", "Target": "/mounted", "Source": "0af2"}]


def test_each_network_keeps_its_address_and_aliases_but_not_the_old_id() -> None:
    found = container({"NetworkMode": "front"})
    found["NetworkSettings"]["Networks"] = {
        "back": {"IPAMConfig": {}, "Aliases": ["b", OWN_ID[:12]], "IPAddress": "10.0.0.9", "MacAddress": "02:42:0a:00:00:09"},
        "front": {"IPAMConfig": {"IPv4Address": "10.1.0.5"}, "Aliases": ["f", OWN_ID[:12]]},
        "bridge": {"IPAMConfig": None},
    }
    body = _recreate.like(found, IMAGE, "nats:2.15.1")
    assert body["NetworkingConfig"] == {
        "EndpointsConfig": {"front": {"IPAMConfig": {"IPv4Address": "10.1.0.5"}, "Aliases": ["f"]}}
    }
    assert body["Networks"] == {"back": {"Aliases": ["b"]}}


def test_a_question_is_asked_of_the_image_s_entrypoint_without_a_network_and_never_of_the_given_command() -> None:
    given = {"Entrypoint": ["sh", "-c"], "Cmd": ["exec nats-server -c x"], "Env": ["SECRET=1"]}
    body = like(**given, host={"Binds": ["/etc/nats:/etc/nats:ro"], "PortBindings": {"4222/tcp": []}, "NetworkMode": "front"})
    asked = _recreate.asking(body, IMAGE, ["-t"])
    assert (asked["Cmd"], asked["Env"], "Entrypoint" in asked) == (["-t"], ["SECRET=1"], False)
    host = asked["HostConfig"]
    assert (host["NetworkMode"], host["Binds"], "PortBindings" in host) == ("none", ["/etc/nats:/etc/nats:ro"], False)
    assert body["HostConfig"]["NetworkMode"] == "front"
    without = _recreate.asking(body, {"Config": {"Entrypoint": None, "Cmd": ["nats-server", "-c", "x"]}}, ["-t"])
    assert without["Cmd"] == ["nats-server", "-t"]
