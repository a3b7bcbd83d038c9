"""What a reference says of its image."""

from __future__ import annotations

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._values import image as _image


@pytest.mark.parametrize(
    ("reference", "exact"),
    [
        ("nats:2.15.1", True),
        ("nats:2.15.1-alpine", True),
        ("localhost:5000/team/nats:v2.15.1", True),
        (f"nats@sha256:{'0' * 64}", True),
        ("nats", False),
        ("nats:latest", False),
        ("nats:2", False),
        ("nats:2.15", False),
        ("nats:2.15-alpine3.22.1", False),
        ("nats:alpine", False),
        ("10.0.0.1:5000/nats", False),
    ],
)
def test_only_a_digest_or_a_whole_version_names_one_image_for_ever(reference: str, exact: bool) -> None:
    assert _image.is_exact(reference) is exact
