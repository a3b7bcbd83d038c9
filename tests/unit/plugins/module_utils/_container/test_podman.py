"""A unit that runs podman: which of its words is the image, in which file that stands, and what cannot be upgraded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import podman as _podman
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from tests.unit.systemd import UNIT, Systemd

OLD, NEW = "docker.io/library/nats:2.14.6", "docker.io/library/nats:2.15.1"
# A podman that has these images, a container of no unit, and nothing else.
PODMAN = f"""#!/bin/sh
case "$1 $2" in
  "image exists") case "$3" in nats|{OLD}|{NEW}) exit 0 ;; esac; exit 1 ;;
  "image inspect") echo "Error: inspecting object: $3: image not known" >&2; exit 125 ;;
  "container inspect") echo "Error: inspecting object: no such container $3" >&2; exit 125 ;;
esac
"""
RUN = f"/usr/bin/podman run --rm -d --name nats -v nats-data:/data -p 4222:4222 --network=host {OLD} -c /etc/nats.conf"


@pytest.fixture(autouse=True)
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "podman"
    program.parent.mkdir()
    program.write_text(PODMAN, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def unit(command: str = RUN, **properties: str) -> dict[str, str]:
    return {**UNIT, "ExecStart": f"{{ path={command.split()[0]} ; argv[]={command} ; ignore_errors=no }}", **properties}


def test_the_image_is_the_word_that_podman_has_as_one() -> None:
    assert _podman.image_of(unit()) == OLD


@pytest.mark.parametrize("image", ["${IMAGE}", "docker.io/library/nats:2.9.0", f"{OLD} {NEW}"])
def test_without_one_image_nothing_is_begun(image: str) -> None:
    with pytest.raises(NatsError, match=r"ExecStart of unit nats-server.service has .* Nothing was touched"):
        _podman.image_of(unit(RUN.replace(OLD, image).replace("--name nats", "--name server")))


@pytest.mark.parametrize(
    ("command", "user", "said"),
    [
        ("/usr/bin/podman start nats", "", "runs '/usr/bin/podman start', which starts a container that is made elsewhere"),
        ("/usr/bin/podman kube play nats.yml", "", "runs '/usr/bin/podman kube'"),
        (RUN, "nats", "runs podman as user nats: rootless containers are not supported"),
        (RUN.replace("--name nats ", ""), "", "add --name to its podman run"),
    ],
)
def test_units_that_hold_no_image_or_cannot_be_found_are_refused(command: str, user: str, said: str) -> None:
    with pytest.raises(NatsError, match=said):
        _podman.find(unit(command, User=user))


def test_a_unit_without_a_container_is_a_server_that_does_not_run() -> None:
    found = _podman.find(unit(ActiveState="inactive"))
    assert (found.process, found.absence) == (None, "unit nats-server.service is inactive and has no container")


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (f"ExecStart={RUN}\n", f"ExecStart={RUN.replace(OLD, NEW)}\n"),
        (
            f"# {OLD}\n; {OLD}\nExecStart=podman run \\\n  -d \\\n\t{OLD}\n",
            f"# {OLD}\n; {OLD}\nExecStart=podman run \\\n  -d \\\n\t{NEW}\n",
        ),
        (f"Image={OLD}\r\n", f"Image={NEW}\r\n"),
        (
            f"ExecStartPre=podman pull {OLD}\nExecStart=podman run {OLD}",
            f"ExecStartPre=podman pull {NEW}\nExecStart=podman run {NEW}",
        ),
        (f"ExecStart=podman run --env=IMAGE={OLD} {OLD}-alpine x{OLD} '{OLD}'", None),
    ],
    ids=["one line", "comments and continued lines", "quadlet", "pulled before", "parts of words"],
)
def test_the_image_is_exchanged_where_it_is_a_whole_word_and_nothing_else_is(text: str, other: str | None) -> None:
    assert _podman.exchanged(text, OLD, NEW) == (other or text)


def test_of_quadlet_the_file_that_people_write_is_changed_and_not_the_generated_one(tmp_path: Path) -> None:
    written, generated = tmp_path / "nats.container", tmp_path / "nats.service"
    written.write_text(f"[Container]\nImage={OLD}\n", encoding="utf-8")
    generated.write_text(f"[Service]\nExecStart={RUN}\n", encoding="utf-8")
    paths = {"SourcePath": str(written), "FragmentPath": str(generated)}
    assert _podman._file_with(unit(**paths), OLD) == str(written)


def test_an_image_in_several_files_of_a_unit_or_in_none_is_refused_with_their_names(tmp_path: Path) -> None:
    own, drop_in = tmp_path / "nats.service", tmp_path / "image.conf"
    for path in (own, drop_in):
        path.write_text(f"[Service]\nExecStart={RUN}\n", encoding="utf-8")
    paths = {"FragmentPath": str(own), "DropInPaths": str(drop_in)}
    with pytest.raises(NatsError, match=f"stands in {own} and in {drop_in} of its files"):
        _podman.facts(unit(**paths), NEW)
    own.write_text(f'[Service]\nExecStart=podman run "{OLD}"\n', encoding="utf-8")
    with pytest.raises(NatsError, match="stands in none of its files"):
        _podman.facts(unit(FragmentPath=str(own)), NEW)
    # Nothing is exchanged by a restart: it is the same to it.
    assert _podman.facts(unit(FragmentPath=str(own)), None)["image"] == OLD


def test_nothing_kept_is_an_error_unless_the_old_image_is_in_the_unit_already(systemd: Systemd, tmp_path: Path) -> None:
    file = tmp_path / "nats.service"
    file.write_text(f"[Service]\nExecStart={RUN}\n", encoding="utf-8")
    systemd.set(**unit(FragmentPath=str(file)))
    assert _podman.put_back("nats", NEW, check_mode=False) == {"changed": False}
    for reference in (OLD, None):
        with pytest.raises(NatsError, match=rf"nothing is kept to put back: unit nats starts {OLD}, and no copy .*\({file}\)"):
            _podman.put_back("nats", reference, check_mode=False)


@pytest.mark.parametrize(("command", "is_one"), [(RUN, True), ("/usr/sbin/nats-server -c x", False), ("", False)])
def test_a_unit_runs_podman_where_that_is_its_program(command: str, is_one: bool) -> None:
    assert _supervisor.runs_podman(unit(command) if command else UNIT) == is_one
