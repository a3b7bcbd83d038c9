from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._values.known import unnamed
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import markup as _markup
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import svg as _svg
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.page import render
from ansible_collections.natsops.cluster.plugins.plugin_utils._page.style import STYLE
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from tests.lab import report_events
from tests.lab.report_events import STORIES

VOID = {"meta", "br"}
# Elements and attributes by which a page could load or run something.
LOADING = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "foreignObject"}
NASTY = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """A page taken apart; raises AssertionError where it is not whole."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        assert len({name for name, _value in attrs}) == len(attrs), f"{tag} has an attribute twice"
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classed(self, name: str) -> list[dict[str, str]]:
        return [attributes for _tag, attributes in self.elements if name in attributes.get("class", "").split()]

    def said(self, tag: str = "") -> str:
        return " ".join(data for within, data in self.text if within != "style" and tag in ("", within))


def page(*events: Any) -> Page:
    return Page(render(_build.build(events)))


PAGES = {story: page(*(report_events.large(30, 900) if story == "large" else events())) for story, events in STORIES.items()}
every_page = pytest.mark.parametrize("shown", PAGES.values(), ids=list(PAGES))


@every_page
def test_it_loads_and_runs_nothing(shown: Page) -> None:
    assert {tag for tag, _attributes in shown.elements} & LOADING == set()
    names = {name for _tag, attributes in shown.elements for name in attributes}
    assert [name for name in names if name.startswith("on") or name in ("src", "xlink:href", "style", "action")] == []
    # It leads to nothing but the reports of other runs, beside its own.
    assert {tag for tag, attributes in shown.elements if "href" in attributes} <= {"a"}
    assert [link for link in shown.all("a") if not re.fullmatch(r"\.\./[\w%.-]+/report\.html", link["href"])] == []
    assert re.findall(r"@import|https?:|url\((?!#)", STYLE) == []


@every_page
def test_its_policy_allows_its_own_style_and_nothing_else(shown: Page) -> None:
    (policy,) = [one["content"] for one in shown.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    (style,) = [data for tag, data in shown.text if tag == "style"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@every_page
def test_ids_are_there_once_and_what_refers_to_them_finds_them(shown: Page) -> None:
    ids = [attributes["id"] for _tag, attributes in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["aria-labelledby"] for attributes in shown.all("section")} <= set(ids)
    assert set(re.findall(r"url\(#([\w-]+)\)", STYLE)) <= set(ids)


@every_page
def test_those_who_do_not_see_it_are_told(shown: Page) -> None:
    assert shown.all("html")[0]["lang"] == "en"
    assert len(shown.all("h1")) == len(shown.all("main")) == 1
    drawings = [attributes for attributes in shown.all("svg") if attributes.get("role") == "img"]
    assert [attributes for attributes in drawings if not attributes.get("aria-label")] == []
    assert [attributes for attributes in shown.classed("dot") if attributes.get("aria-hidden") != "true"] == []
    levels = [int(tag[1]) for tag, _attributes in shown.elements if tag in ("h1", "h2", "h3")]
    assert all(below - above <= 1 for above, below in zip([0, *levels], levels))


@every_page
def test_it_has_sizes_for_a_phone_and_times_with_their_zone(shown: Page) -> None:
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in shown.all("meta")
    assert " UTC" in shown.said()


@pytest.mark.parametrize(("story", "lanes"), [("good", 3), ("failed", 3), ("killed", 3), ("part_done", 5), ("large", 30)])
def test_every_server_has_its_lane(story: str, lanes: int) -> None:
    shown = PAGES[story]
    names = [attributes["title"] for tag, attributes in shown.elements if tag == "li" and "title" in attributes]
    assert len(names) == len(set(names)) == lanes == len(shown.classed("lane"))


@pytest.mark.parametrize("story", ["refused", "nothing_to_do"])
def test_where_nothing_was_touched_there_is_no_timeline(story: str) -> None:
    ids = {attributes.get("id") for attributes in PAGES[story].all("section")}
    assert {"servers", "asked"} <= ids
    assert ids & {"timeline", "turns", "connections", "measured", "clients", "failure"} == set()


@pytest.mark.parametrize(
    ("story", "title", "first"),
    [
        ("good", "All 3 servers upgraded to 2.15.1", "notes"),
        ("failed", "Failed: Start the new version on n2", "failure"),
        ("refused", "Refused: stepping_stone, ghost_peer", "refused"),
        ("killed", "The run has not ended", "next"),
        ("taken_up", "The run broke off", "next"),
    ],
)
def test_the_outcome_and_why_come_first(story: str, title: str, first: str) -> None:
    shown = PAGES[story]
    assert next(data for tag, data in shown.text if tag == "title") == f"{title} \u00b7 2026-11-21"
    assert shown.all("section")[0]["id"] == first


def test_how_to_go_on_with_one_refusal_is_said_with_its_risk_and_what_was_waived_before() -> None:
    events = report_events.refused()
    events[0]["waive"] = ["two_node_cluster"]
    events[1]["refusals"] = events[1]["refusals"][:1]
    shown = page(*events)
    assert '-e \'{"nats_upgrade_waive": ["stepping_stone", "two_node_cluster"]}\'' in shown.said("pre")
    assert "The risk: streams that do not get on, or no way back." in shown.said()


def test_of_several_refusals_each_has_its_own_risk_and_no_command_waives_them_all() -> None:
    shown = PAGES["refused"]
    assert "nats_upgrade_waive" not in shown.said("pre")
    assert "To proceed anyway, add each of these to nats_upgrade_waive, with its risk" in shown.said("h3")
    assert "one failure during the roll stops every decision of JetStream" in shown.said("li")


@pytest.mark.parametrize("less", [{"risk": ""}, {"waivable": False, "risk": ""}], ids=["not-offered", "final"])
def test_where_one_refusal_is_not_to_be_waived_nothing_is_said_of_waiving(less: dict[str, object]) -> None:
    events = report_events.refused()
    events[1]["refusals"] = [{**events[1]["refusals"][0], **less}, events[1]["refusals"][1]]
    assert "To proceed anyway" not in page(*events).said("h3")


def test_a_server_has_the_name_of_its_host_another_or_none() -> None:
    events = report_events.good()
    (planned,) = [event for event in events if event["kind"] == "planned"]
    first, second, *_unused = planned["servers"].values()
    host = next(iter(planned["servers"]))
    first["server_name"], second["server_name"] = unnamed(host), "other"
    shown = page(*events).said("small")
    assert (" without a server_name" in shown, " as other" in shown, shown.count(" as ")) == (True, True, 1)


def test_of_a_failure_what_the_run_said_comes_first_and_then_the_servers_own_log() -> None:
    texts = [data for tag, data in PAGES["failed"].text if tag == "pre"]
    assert texts[0].startswith("n2: nats-server 2.15.1 ended right after its start")
    assert texts[1] == "\n".join(report_events.SERVER_LOG)


def test_what_does_not_end_well_is_marked_by_more_than_a_colour() -> None:
    assert len(PAGES["killed"].classed("hatch")) >= 1
    assert len(PAGES["failed"].classed("cross")) == 2
    assert len(PAGES["failed"].classed("failure")) == 1
    assert "no end recorded" in PAGES["killed"].said()
    assert PAGES["good"].classed("cross") == []


def test_runs_that_go_on_with_one_another_lead_to_one_another() -> None:
    earlier, later = "20261121T140207-4711", "20261121T140336-4802"
    assert [link["href"] for link in PAGES["resumed"].all("a")] == [f"../{earlier}/report.html"]
    assert [link["href"] for link in PAGES["taken_up"].all("a")] == [f"../{later}/report.html"]
    assert f"Run  {later}  has gone on with it." in PAGES["taken_up"].said()
    assert "started again" in PAGES["resumed"].said("text")
    # The pause between them is nobody's time.
    assert "2 runs took" in PAGES["resumed"].said("dt")
    *begun, last = report_events.killed()[:4]
    gone = page(*begun, {**last, "kind": "resumed", "previous_run": "r0", "found": False})
    assert "Goes on with run r0, whose report is not beside this one." in gone.said("p")
    assert gone.all("a") == []


def test_of_what_was_down_is_said_whether_it_is_over() -> None:
    events = report_events.failed()
    outage = {**events[-2], "kind": "r1_outage", "host": "n2", "assets": ["A > B"], "seconds": 21.0}
    said = page(*events, {**outage, "over": False}).said()
    assert "21 s  while n2 was away, from 14:02:" in said
    assert "and when the run ended it was not known to be back: A > B" in said


def test_moves_of_the_leader_are_numbered_and_told() -> None:
    shown = PAGES["good"]
    assert [data for tag, data in shown.text if tag == "text" and data == "1"] == ["1"]
    assert "14:03:18 meta leader n3 \u2192 n1" in shown.said("li")


def test_lanes_are_as_high_as_their_names() -> None:
    for lanes in (1, 8, 9, 16, 17, 200):
        row, height = _svg.lane_size(lanes)
        assert f".row{row} li {{ line-height: {row}px" in STYLE
        assert height < row


def test_whatever_may_be_drawn_has_a_style() -> None:
    drawn = {attributes["class"] for shown in PAGES.values() for tag, attributes in shown.elements if "class" in attributes}
    names = {name for classes in drawn for name in classes.split()}
    without = {name for name in names if not re.search(rf"\.{re.escape(name)}\b", STYLE)}
    # What a phase or a band is where nothing marks it, and phases whose names are written in the usual colour.
    assert {name for name in without if not name.startswith("t-")} == {"ended", "even"}
    assert [phase for phase in _svg.PHASES if f".p-{phase} " not in STYLE and f".p-{phase}, " not in STYLE] == []


def nasty_events() -> list[dict[str, Any]]:
    """Every text of every event is one that would do harm."""

    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {
                (f"{name}{NASTY}" if key in ("servers", "clusters") else name): spoil(one, name) for name, one in value.items()
            }
        if isinstance(value, list):
            return [spoil(one, key) for one in value]
        return f"{value}{NASTY}" if isinstance(value, str) and key not in ("at", "kind", "state", "outcome", "phase") else value

    return [spoil(one) for one in [*report_events.good(), *report_events.failed(), *report_events.refused()]]


def test_every_text_is_escaped() -> None:
    events = nasty_events()
    events.append({"kind": "phase", "at": "x", "host": NASTY, "phase": NASTY, "state": "began"})
    shown = page(*events)
    assert shown.all("script") == []
    assert shown.all("img") == []
    assert NASTY in shown.said("h1") + shown.said("span")
    assert NASTY in shown.said("pre")
    assert [name for _tag, attributes in shown.elements for name in attributes if name.startswith("on")] == []


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "\u2013"), (0, "0.00 s"), (0.003, "3 ms"), (0.21, "0.21 s"), (8.24, "8.2 s"), (41.6, "42 s"), (59.7, "1 min")]
    + [(92, "1 min 32 s"), (3599.8, "1 h 0 min"), (7800, "2 h 10 min"), (7_200_000, "2\u202f000 h 0 min")],
)
def test_durations_are_said_as_people_say_them(value: float | None, said: str) -> None:
    assert _markup.seconds(value) == said


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing"),
        pytest.param([{"kind": "run_began"}], id="no-time"),
        pytest.param([{"kind": "phase", "host": "n1", "phase": "drain", "state": "began"}], id="one-phase-of-no-length"),
        pytest.param([{"kind": "phase", "phase": "new_phase", "state": "ended", "seconds": 3}], id="unknown-phase-of-no-host"),
        pytest.param([{"kind": "sample", "servers": {"n1": {"connections": 0}}, "not_current": 0}], id="one-sample"),
        pytest.param(
            [{"kind": "run_began", "at": "0001-01-01T00:00:00Z"}, {"kind": "note", "at": "9999-12-31T23:59:59Z"}], id="ages"
        ),
        pytest.param(
            [{"kind": "failed", "at": "2026-11-21T10:00:00Z", "msg": ""}, {"kind": "run_ended", "outcome": "failed"}], id="mute"
        ),
        pytest.param([{"kind": "note", "text": "größer 数据 \ud83d"}], id="any-language"),
    ],
)
def test_there_is_a_page_of_whatever_was_recorded(events: list[dict[str, Any]]) -> None:
    text = render(_build.build(events))
    assert Page(text).said("h1") + Page(text).said("span")
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (["n1.a.org", "n2.b.org"], ["n1", "n2"]),
        (["n1.a.org", "n1.b.org"], ["n1.a.org", "n1.b.org"]),
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]),
        (
            ["nats-main-messaging-1.org", "nats-main-messaging-2.org"],
            ["nats\u2026saging-1", "nats\u2026saging-2"],
        ),
        (
            ["nats-1-production-messaging", "nats-2-production-messaging"],
            ["nats-1-production-messaging", "nats-2-production-messaging"],
        ),
    ],
)
def test_names_of_lanes_are_short_and_stay_different(hosts: list[str], names: list[str]) -> None:
    shown = page({"kind": "run_began", "hosts": hosts}, {"kind": "phase", "host": hosts[0], "phase": "drain", "state": "began"})
    lanes = shown.said("li").split()
    assert [name for name in lanes if name in names] == names
    assert [attributes["title"] for attributes in shown.all("li") if "title" in attributes] == hosts


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_can_be_read(scheme: str) -> None:
    """Contrast of text as WCAG asks for it at level AA."""
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL))
    colours = light if scheme == "light" else {**light, **dark}
    on_dark = ("hold", "swap", "start", "catch", "back")
    on_light = ("gate", "drain", "soak", "verify", "surge", "rebalance", "other")
    pairs = [(ink, ground) for ink in ("ink", "soft", "good", "bad", "wait", "calm") for ground in ("card", "page", "mono")]
    pairs += [("on-dark", phase) for phase in on_dark] + [("on-light", phase) for phase in on_light] + [("on-stage", "stage")]
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
