"""Events of runs by the second, and the report of them, held to its schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from tests.unit.modules import ROOT

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def at(second: float) -> str:
    return f"2026-11-21T10:{int(second // 60):02d}:{second % 60:06.3f}Z"


def event(second: float, kind: str, **more: Any) -> dict[str, Any]:
    return {"at": at(second), "run": "r1", "kind": kind, **more}


def phase(second: float, host: str | None, name: str, state: str = "began", **more: Any) -> dict[str, Any]:
    return event(second, "phase", phase=name, state=state, **({"host": host} if host else {}), **more)


def sample(second: float, **servers: Any) -> dict[str, Any]:
    seen = {host: {"connections": count, "reachable": count is not None, "version": "2.14.6"} for host, count in servers.items()}
    return event(second, "sample", servers=seen, largest_lag=None, not_current=0, meta_leader=None)


def began(second: float = 0, **more: Any) -> dict[str, Any]:
    return event(second, "run_began", mode="upgrade", target="2.15.1", hosts=["n1", "n2"], **more)


def planned(second: float = 1, **more: Any) -> dict[str, Any]:
    return event(second, "planned", **{"clusters": {"c1": ["n1", "n2"]}, "order": ["n1", "n2"], **more})


def build(*events: Any) -> dict[str, Any]:
    """The report, after the schema was asked and JSON was made of it."""
    report = _build.build(events)
    VALIDATOR.validate(report)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    return report


def spans(report: dict[str, Any], host: str | None) -> list[tuple[str, float, float, str]]:
    lane = next(lane for lane in report["timeline"]["lanes"] if lane["host"] == host)
    return [(span["phase"], span["begin"], span["end"], span["state"]) for span in lane["spans"]]
