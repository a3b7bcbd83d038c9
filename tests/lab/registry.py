"""A registry of images on the loopback address, with one image, from which an engine pulls by digest or by tag."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.lab.docker import docker

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Registry:
    """Serves an image of the engine while a C(with) lasts. C(reference) names it by its digest."""

    def __init__(self, image: str) -> None:
        self._blobs: dict[str, bytes] = {}
        self.digest = self._add(json.dumps(self._manifest(image)).encode())
        blobs, digest = self._blobs, self.digest

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(body=True)

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def _answer(self, *, body: bool) -> None:
                name = self.path.rpartition("/")[2]
                # Any tag is this image.
                content = b"{}" if self.path == "/v2/" else blobs.get(digest if "/manifests/" in self.path else name)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.send_header("Content-Type", _MANIFEST if "/manifests/" in self.path else "application/octet-stream")
                if "/manifests/" in self.path:
                    self.send_header("Docker-Content-Digest", digest)
                self.end_headers()
                if body and content:
                    self.wfile.write(content)

            def log_message(self, *unused: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.repository = f"127.0.0.1:{self._server.server_address[1]}/nats"
        self.reference = f"{self.repository}@{self.digest}"

    def __enter__(self) -> Registry:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _manifest(self, image: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            docker("save", f"--output={folder}/image.tar", image)
            with tarfile.open(f"{folder}/image.tar") as saved:
                saved.extractall(folder, filter="data")
            (told,) = json.loads(Path(folder, "manifest.json").read_bytes())
            config = Path(folder, told["Config"]).read_bytes()
            layers = [gzip.compress(Path(folder, name).read_bytes(), 1, mtime=0) for name in told["Layers"]]
        return {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._described(_CONFIG, config),
            "layers": [self._described(_LAYER, layer) for layer in layers],
        }

    def _described(self, kind: str, content: bytes) -> dict[str, Any]:
        return {"mediaType": kind, "size": len(content), "digest": self._add(content)}

    def _add(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._blobs[digest] = content
        return digest
