"""What the clients have seen while their servers went away one after the other."""

from __future__ import annotations

from typing import Any


def test_clients_have_worked_during_the_upgrade(load_report: dict[str, Any]) -> None:
    assert load_report["acknowledged"] > 0


def test_no_acknowledged_message_is_lost(load_report: dict[str, Any]) -> None:
    assert load_report["lost"] == 0


def test_no_message_is_stored_twice(load_report: dict[str, Any]) -> None:
    assert load_report["duplicates_in_stream"] == 0


def test_every_acknowledged_message_has_reached_the_consumer(load_report: dict[str, Any]) -> None:
    assert load_report["never_delivered"] == 0
