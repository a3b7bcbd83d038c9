from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import compose as _compose

# As docker-compose 1.29 writes it.
CONFIG = """\
services:
  nats:
    container_name: nats
    environment:
      image: none
    image: nats:2.15.1
    networks:
      default:
        aliases:
        - n1
  nats-box:
    image: 'nats-box:0.19.0'
  built:
    build: /srv
version: '3.7'
"""


@pytest.mark.parametrize(
    ("name", "image"), [("nats", "nats:2.15.1"), ("nats-box", "nats-box:0.19.0"), ("built", ""), ("other", "")]
)
def test_the_image_of_a_service_is_read_from_what_compose_writes(name: str, image: str) -> None:
    assert _compose.image_in(CONFIG, name) == image


def test_files_are_where_the_project_is() -> None:
    labels = {f"{_compose.LABEL}project.working_dir": "/srv", f"{_compose.LABEL}project.config_files": "a.yml,/etc/b.yml"}
    assert _compose.files({"Config": {"Labels": labels}}) == ["/srv/a.yml", "/etc/b.yml"]
    assert (_compose.files({"Config": {"Labels": None}}), _compose.project({"Config": {}})) == ([], "")


@pytest.mark.parametrize("more", [{}, {_compose.IMAGE: "sha256:old"}], ids=["compose 1", "compose 2"])
def test_a_successor_has_the_labels_by_which_compose_takes_it_for_its_own(
    more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"config": CONFIG, "config --hash nats": "nats 0a1b\n"}
    monkeypatch.setattr(_compose, "_say", lambda _container, *words: said[" ".join(words)])
    labels = {f"{_compose.LABEL}project": "web", f"{_compose.LABEL}service": "nats", **more}
    given = _compose.labels({"Config": {"Labels": labels}}, "nats:2.15.1", "sha256:new")
    assert given == {_compose.HASH: "0a1b", **dict.fromkeys(more, "sha256:new")}
    assert _compose.labels({"Config": {"Labels": labels}}, "nats:2.15.2", "sha256:new") == {}
