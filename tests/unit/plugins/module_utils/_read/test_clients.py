from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.module_utils._read.clients import lines


def client(**given: str) -> dict[str, str]:
    return {"name": "billing", "lang": "go", "version": "1.48.0", "address": "10.0.0.9:5123", "uptime": "3m1s", **given}


def test_a_client_is_told_by_name_library_address_and_time() -> None:
    assert lines([client()]) == ["billing  go 1.48.0  from 10.0.0.9:5123, connected for 3m1s"]


def test_what_a_client_does_not_say_of_itself_is_told_as_unknown() -> None:
    assert lines([client(name="", lang="", version="", uptime="")]) == [
        "(no name)  unknown client   from 10.0.0.9:5123, connected for ?"
    ]


def test_of_many_clients_the_first_are_told_and_the_others_counted() -> None:
    assert lines([client()] * 10) == [lines([client()])[0]] * 10
    assert lines([client()] * 13)[10:] == ["and 3 more"]
    assert lines([]) == []
