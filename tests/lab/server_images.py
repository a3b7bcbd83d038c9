"""Images of the server, made of its executable: no registry is asked."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.binaries import server_binary
from tests.lab.docker import docker
from tests.lab.locks import locked

REPOSITORY = "natsops-nats"
# As the official image: from scratch, with nothing in it but the server and its default configuration.
ENTRYPOINT, COMMAND = ("/nats-server",), ["--config", "nats-server.conf"]
DEFAULT_CONFIG = b"http: 8222\n"


def server_image(version: str) -> str:
    """Return the name of the image of this version, which is made once."""
    return _made_once(f"{REPOSITORY}:{version}", version, ENTRYPOINT)


def image_that_does_not_start(version: str) -> str:
    """Return an image that says of itself all that is asked, and whose server exits at once when it is started."""
    # Nobody has this address: it cannot listen there.
    return _made_once(f"{REPOSITORY}-broken:{version}", version, [*ENTRYPOINT, "-a", "192.0.2.9"])


def _made_once(name: str, version: str, entrypoint: Sequence[str]) -> str:
    with locked(name):
        if not docker("image", "ls", "--quiet", name):
            make_image(name, server_binary(version), version, entrypoint)
    return name


def make_image(name: str, server: Path, version: str, entrypoint: Sequence[str] = ENTRYPOINT) -> None:
    """Make an image with this program as its server."""
    settings = {
        "ENTRYPOINT": json.dumps(list(entrypoint)),
        "CMD": json.dumps(COMMAND),
        "ENV": f"PATH=/usr/bin NATS_SERVER={version}",
        "LABEL": f"org.opencontainers.image.version={version}",
        "EXPOSE": "4222 6222 8222",
    }
    changes = [f"--change={key} {value}" for key, value in settings.items()]
    docker("import", *changes, "-", name, stdin=_packed(server))


def _packed(server: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(server, "nats-server")
        config = tarfile.TarInfo("nats-server.conf")
        config.size, config.mode = len(DEFAULT_CONFIG), 0o644
        tar.addfile(config, io.BytesIO(DEFAULT_CONFIG))
    return packed.getvalue()


if __name__ == "__main__":
    import sys

    for wanted in sys.argv[1:]:
        print(server_image(wanted))
