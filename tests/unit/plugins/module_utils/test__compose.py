from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils import _compose

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
