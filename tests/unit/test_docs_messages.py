"""The reference pages say what the code says: every name, every message, every key of the policy file, and nothing else."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path
from typing import Iterator, Mapping

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.versions import parse
from ansible_collections.natsops.cluster.plugins.module_utils._judge.findings import FINAL, NAMES
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import CONDITIONS
from ansible_collections.natsops.cluster.plugins.module_utils._judge.risks import RISKS
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.module_utils._policy import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._policy.file import load
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.message import ENDINGS
from tests.unit.modules import ROOT

MESSAGES, WAIVERS, POLICY_FILE = (ROOT / "docs" / name for name in ("messages.md", "waivers.md", "policy-file.md"))
ROLE = ROOT / "roles" / "nats_upgrade"
# Every health condition, and what cannot be left out: that a server answers at all, and that its replicas hold what they have
# to. The quorum is a name of its own.
WAITED_FOR = {*CONDITIONS, "reachable", "replicas"}
# What stands for something else in a message on the page. "HOST: " and "SERVER is" are put together where they are said.
PLACEHOLDER = re.compile(
    r"\.\.\.|HOSTS run VERSION|SERVER is\b|HOST: |"
    r"\b(?:USER@HOST|HOSTS?|SERVERS?|N|VERSION|TARGET|URL|PATH|UNIT|USER|NAME|ASSET|STREAM)\b"
)
# In an expression of a template, what stands between two texts.
FILLED_IN = re.compile(r"'\s*~[^'~]+~\s*'")
# Between two messages in the one long text that all of them are looked for in, and for what is filled in.
END, HOLE = "\x01", "\x00"


def sections(page: Path, marks: str = "##") -> dict[str, str]:
    """What is below each heading of this level, the last of several of the same name."""
    parts = re.split(rf"^{marks} (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def entries(section: str) -> dict[str, str]:
    """What is below each heading of the third level in a section of the page of messages."""
    parts = re.split(r"^### (.+)$", sections(MESSAGES)[section], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables in a text, their heads left out."""
    lines = text.splitlines()
    found = [line for number, line in enumerate(lines) if line.startswith("|") and not _is_head(lines, number)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found]


def _is_head(lines: list[str], number: int) -> bool:
    following = lines[number + 1] if number + 1 < len(lines) else ""
    return lines[number].startswith("|---") or following.startswith("|---")


# What the page quotes, and what the code says.


def quotes(text: str, heading: str) -> Iterator[str]:
    """What a user sees according to an entry: the lines of its text blocks, and the first cells of tables of that."""
    for block in re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from (re.sub(rf"^(?:refused: |warning: )?{re.escape(heading)}: ", "", line) for line in block.splitlines())
    for table in re.findall(r"^\| you see \|.*\n(?:\|.*\n)+", text, re.MULTILINE):
        yield from (match[1] for cells in rows(table) for match in [re.match(r"^`(.+)`$", cells[0])] if match)


def pattern_of(quote: str) -> re.Pattern[str]:
    """What is filled in may be anything, and the code may fill in something, or nothing, wherever it likes."""
    parts = [part.strip() for part in PLACEHOLDER.split(quote) if part.strip()]
    return re.compile(f"[^{END}]*?".join(f"{HOLE}*".join(map(re.escape, part)) for part in parts))


@lru_cache
def said() -> str:
    """Everything that the collection can say: texts of its Python files, its task files, its templates and its playbooks."""
    texts: list[str] = []
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        texts += texts_of(ast.parse(path.read_text(encoding="utf-8")))
    templates = [*(ROLE / "tasks").rglob("*.yml"), *(ROLE / "templates").rglob("*.j2"), *(ROOT / "playbooks").glob("*.yml")]
    for path in sorted(templates):
        texts += texts_of_template(path.read_text(encoding="utf-8"))
    return END.join(re.sub(r"\s+", " ", text) for text in texts)


def texts_of(tree: ast.AST) -> list[str]:
    """The texts of a file but for those that document it."""
    nodes = list(ast.walk(tree))
    constants, documents = {}, {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = str(node.value.value)
            documents |= {id(node.value)} if node.targets[0].id in ("DOCUMENTATION", "EXAMPLES", "RETURN") else set()
    texts = [node for node in nodes if isinstance(node, (ast.Constant, ast.JoinedStr)) and id(node) not in documents]
    return [text_of(node, constants) for node in texts]


def text_of(node: ast.AST, constants: Mapping[str, str]) -> str:
    """The text as far as it stands there, constants of the file in their places."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id.isupper():
        return constants.get(node.value.id, HOLE)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else HOLE


def texts_of_template(text: str) -> Iterator[str]:
    """The text around expressions, and the texts in them."""
    yield re.sub(r"\{\{.*?\}\}|\{%.*?%\}", HOLE, text, flags=re.DOTALL)
    for expression in re.findall(r"\{\{(.*?)\}\}", text, re.DOTALL):
        yield from re.findall(r"'([^']*)'", FILLED_IN.sub(HOLE, expression))


ENTRIES = [
    pytest.param(heading, text, id=heading)
    for section, whole in sections(MESSAGES).items()
    for heading, text in {section: whole.split("\n### ")[0], **entries(section)}.items()
    if list(quotes(text, heading))
]


@pytest.mark.parametrize(("heading", "text"), ENTRIES)
def test_what_the_page_says_that_you_see_is_what_the_code_says(heading: str, text: str) -> None:
    patterns = {quote: pattern_of(quote) for quote in quotes(text, heading)}
    assert [quote for quote, pattern in patterns.items() if not pattern.pattern] == [], "nothing but placeholders"
    assert [quote for quote, pattern in patterns.items() if not pattern.search(said())] == [], "nothing says so"


@pytest.mark.parametrize("quote", ["HOST is quite another server", "there is no host HOST in the cellar", "connection refusal"])
def test_what_nothing_says_is_not_found(quote: str) -> None:
    assert not pattern_of(quote).search(said())


# Names.


def test_every_refusal_and_warning_has_its_entry_and_there_are_no_others() -> None:
    """Each heading is the name, so that it is the anchor: docs/messages.md, "Refusals and warnings", in order."""
    assert list(entries("Refusals and warnings")) == sorted([*NAMES, *FINAL])


@pytest.mark.parametrize(("heading", "text"), entries("Refusals and warnings").items(), ids=entries("Refusals and warnings"))
def test_an_entry_has_what_you_see_why_what_to_do_and_whether_to_waive_it(heading: str, text: str) -> None:
    assert list(quotes(text, heading))
    said_of = dict(re.findall(r"^- (\w+): (.+)$", text, re.MULTILINE))
    assert {"Cause", "Remedy", "Waive"} <= set(said_of)
    assert said_of["Waive"].startswith("never") == (heading in FINAL)


def test_every_waivable_name_stands_in_its_table_with_what_it_stands_for() -> None:
    given = {cells[0]: cells[1] for cells in rows(sections(WAIVERS)["Can be waived"])}
    assert given == {f"[`{name}`](messages.md#{name})": stands for name, stands in NAMES.items()}


def test_every_waivable_name_stands_in_its_table_with_its_risk() -> None:
    given = {cells[0].split("`")[1]: cells[3].replace("`", "") for cells in rows(sections(WAIVERS)["Can be waived"])}
    assert given == RISKS


def test_every_final_name_stands_in_its_table_with_what_it_stands_for() -> None:
    given = {cells[0]: cells[1] for cells in rows(sections(WAIVERS)["Cannot be waived"])}
    assert given == {f"[`{name}`](messages.md#{name})": stands for name, stands in FINAL.items()}


@pytest.mark.parametrize("section", ["Can be waived", "Cannot be waived"])
def test_no_cell_of_a_waiver_is_empty(section: str) -> None:
    assert [cells for cells in rows(sections(WAIVERS)[section]) if not all(cells)] == []


def test_every_condition_that_is_waited_for_has_its_entry_and_there_are_no_others() -> None:
    assert set(entries("What is waited for")) == WAITED_FOR


def test_every_way_in_which_a_server_is_left_has_its_entry_with_its_words() -> None:
    words = {stage: re.sub(r"\{\w+\}", HOLE, text) for stage, text in ENDINGS.items()}
    told = entries("When a turn stops")
    assert {heading.removeprefix("Stopped: ") for heading in told if heading.startswith("Stopped: ")} == set(words)
    for stage, text in words.items():
        assert any(pattern_of(quote).search(text) for quote in quotes(told[f"Stopped: {stage}"], "")), stage


def test_every_fault_of_a_request_has_its_row() -> None:
    paths = [ROOT / "plugins" / "module_utils" / "_read" / f"{name}.py" for name in ("http_faults", "reply", "stream")]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    calls = [n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "Fault"]
    faults = [text_of(call.args[0], {}) for call in calls if isinstance(call.args[0], (ast.Constant, ast.JoinedStr))]
    told = [pattern_of(quote) for quote in quotes(entries("Servers that cannot be read")["By HTTP"], "")]
    assert len(faults) > 10
    assert [fault for fault in faults if not any(pattern.search(fault) for pattern in told)] == []


def test_the_troubleshooting_table_is_whole() -> None:
    found = rows(sections(MESSAGES)["What the server itself says"])
    assert [cells[0] for cells in found] == [f"T{number:02}" for number in range(1, 18)]
    assert [cells for cells in found if len(cells) != 5 or not all(cells)] == []


def test_a_heading_is_an_anchor_of_its_own() -> None:
    headings = re.findall(r"^#+ (.+)$", MESSAGES.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = [anchor(heading) for heading in headings]
    assert sorted(anchors) == sorted(set(anchors))


@pytest.mark.parametrize("page", [MESSAGES, WAIVERS, POLICY_FILE], ids=lambda page: page.stem)
def test_links_to_an_entry_lead_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    for file, wanted in links:
        target = page.parent / file if file else page
        assert wanted in map(anchor, re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)), wanted


def anchor(heading: str) -> str:
    """As mkdocs and GitHub make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# The policy file.

EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", POLICY_FILE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
KEYS: Mapping[str, Mapping[str, _keys.Key]] = {
    name: getattr(_keys, name.upper())
    for name in (
        "window",
        "never_released",
        "stepping_stones",
        "downgrade_floors",
        "bad_releases",
        "features",
        "expected_log_noise",
    )
}


def policy_of(example: int, folder: Path) -> _judge.Policy:
    path = folder / "policy.yml"
    path.write_text(EXAMPLES[example], encoding="utf-8")
    return load(str(path))


def test_the_first_example_knows_a_newer_release_and_stays_away_from_another(tmp_path: Path) -> None:
    shipped, policy = load(), policy_of(0, tmp_path)
    assert [finding.name for finding in _judge.judge_target(shipped, parse("2.15.4"))] == ["unknown_version"]
    assert _judge.judge_target(policy, parse("2.15.4")) == []
    assert _judge.judge_bad_release(policy, parse("2.15.3"), frozenset()) == []
    (bad,) = _judge.judge_bad_release(policy, parse("2.15.3"), frozenset({"interest_or_workqueue_streams"}))
    assert bad.refuses
    assert bad.message.endswith("It is mended in 2.15.4: take 2.15.4")


def test_the_second_example_overrules_what_is_shipped(tmp_path: Path) -> None:
    shipped, policy = load(), policy_of(1, tmp_path)
    for one, refuses in ((shipped, True), (policy, False)):
        (stone,) = _judge.judge_way(one, {"n1": "2.14.6"}, parse("2.15.2"))
        assert (stone.name, stone.refuses) == ("stepping_stone", refuses)
    two_minors = [[f.name for f in _judge.judge_way(one, {"n1": "2.11.17"}, parse("2.14.7"))] for one in (shipped, policy)]
    assert two_minors == [["skipped_minor", "version_window"], []]
    gone = {rule.id for rule in shipped.bad_releases} - {rule.id for rule in policy.bad_releases}
    assert gone == {"B2.14.0-consumer-stuck"}


def test_there_are_two_examples_and_the_mistake_that_is_shown_is_told_so(tmp_path: Path) -> None:
    assert len(EXAMPLES) == 2
    path = tmp_path / "policy.yml"
    path.write_text(EXAMPLES[0].replace("severity: refuse", "severity: error"), encoding="utf-8")
    with pytest.raises(NatsError) as wrong:
        load(str(path))
    assert str(wrong.value).replace(str(tmp_path), "/etc/natsops") in POLICY_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("section", KEYS)
def test_the_keys_of_a_section_are_all_there_with_what_they_have_to_be(section: str) -> None:
    assert told_keys(sections(POLICY_FILE, "###")[section]) == wanted_keys(KEYS[section])


def test_the_keys_of_a_minor_and_of_its_notes_are_all_there() -> None:
    given = told_keys(sections(POLICY_FILE, "###")["minors"])
    assert given == wanted_keys(_keys.MINOR) | wanted_keys(_keys.NOTE)


def told_keys(text: str) -> dict[str, tuple[str, bool]]:
    return {cells[0].strip("`"): (cells[1], cells[2] == "yes") for cells in rows(text)}


def wanted_keys(keys: Mapping[str, _keys.Key]) -> dict[str, tuple[str, bool]]:
    return {name: (key.wanted, key.default is _keys.REQUIRED) for name, key in keys.items()}
