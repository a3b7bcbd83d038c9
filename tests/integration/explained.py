"""Whether a person who sees but the end of a failed run's output knows what happened, how the cluster is, and what to do next."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.lab.playbook import PlaybookRun

LINES = 30
STATES = ("The cluster now:", "othing was ", "not touched", "No server was stopped", "Done: ")
NEXT = "Next: "
REPORT = re.compile(r"Report: (\S+)/report\.html")
# Whether each run that fails has to: see conftest.py.
wanted = False


def check(done: PlaybookRun) -> None:
    """Make sure of it where it is wanted. While the run's report is still there."""
    missing = not_explained(done) if wanted else []
    assert not missing, f"the last {LINES} lines do not say {missing}:\n{done.stdout[-6000:]}"


def not_explained(done: PlaybookRun) -> list[str]:
    """What is not to be seen in the last lines. A run without a report, such as a status, is none of a roll."""
    output = done.stdout + done.stderr
    folders = REPORT.findall(" ".join(output.split()))
    if done.returncode == 0 or not folders:
        return []
    tail = " ".join(" ".join(done.stdout.splitlines()[-LINES:]).split())
    cause = _cause(Path(folders[-1]))
    texts_of = {
        f"why ({cause})": (cause,),
        "how the cluster is": STATES,
        "what to do next": (NEXT,),
        "where the report is": (f"{folders[-1]}/report.html",),
    }
    return [what for what, texts in texts_of.items() if not any(text in tail for text in texts)]


def _cause(folder: Path) -> str:
    """The line that says why, of the last failure."""
    failures = json.loads((folder / "report.json").read_text(encoding="utf-8"))["failures"]
    lines = [" ".join(line.split()) for line in str(failures[-1]["message"]).splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith("What failed: ")]
    # A refusal may go on for lines, of which the first says what it is.
    return (failed or lines)[0]
