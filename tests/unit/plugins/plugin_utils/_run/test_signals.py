"""What a process says that a signal ends, which its workers have told where they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.modules import ROOT

SECONDS = 60
# A process as ansible-playbook is one: it watches, forks a worker that tells its step, and is then sent a signal.
PROGRAM = """
import os, signal, sys
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import signals as _signals
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.broken_off import Place
{before}
_signals.watch()
_signals.watch()
worker = os.fork()
if not worker:
    _signals.at(Place(run="r1", folder=sys.argv[1], host="n2", step="A step of n2", lease="120"))
    {worker}
    os._exit(0)
print("worker", os.waitpid(worker, 0)[1])
sys.stdout.flush()
try:
    os.kill(os.getpid(), {number})
except KeyboardInterrupt:
    print("as Ansible says it", file=sys.stderr)
    sys.exit(99)
{after}
"""


def run(folder: Path, number: int, *, before: str = "", worker: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    event = {"at": "2026-11-21T00:00:00.000Z", "run": "r1", "kind": "run_began", "hosts": ["n1", "n2"]}
    (folder / "events.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
    program = PROGRAM.format(number=int(number), before=before, worker=worker, after=after)
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def kinds(folder: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def test_after_ctrl_c_the_message_is_the_last_word_and_the_exit_is_as_it_was(tmp_path: Path) -> None:
    done = run(tmp_path, signal.SIGINT)
    assert done.returncode == 99, done.stderr
    first, _unused, message = done.stderr.partition("\n")
    assert first == "as Ansible says it"
    assert message.startswith("\nINTERRUPTED by Ctrl-C (SIGINT) before any turn, in the step 'A step of n2'.")
    assert kinds(tmp_path) == ["run_began", "interrupted"]


def test_sigterm_ends_the_process_as_it_did_and_its_last_word_is_the_message(tmp_path: Path) -> None:
    done = run(tmp_path, signal.SIGTERM)
    assert done.returncode == -signal.SIGTERM
    assert done.stderr.count("INTERRUPTED by SIGTERM before any turn") == 1
    assert kinds(tmp_path) == ["run_began", "interrupted"]


def test_a_handler_that_there_was_is_called(tmp_path: Path) -> None:
    before = "signal.signal(signal.SIGTERM, lambda number, frame: (print('handled', flush=True), os._exit(7)))"
    done = run(tmp_path, signal.SIGTERM, before=before)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (7, "handled")
    assert "INTERRUPTED by SIGTERM" in done.stderr


# A worker that has lost the first two signals that Ansible sends it.
DEAF = """
import multiprocessing, time
def deaf():
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: (seen.append(number), len(seen) > 2 and os._exit(3)))
    ready.set()
    while True:
        time.sleep(0.01)
ready = multiprocessing.Event()
multiprocessing.Process(target=deaf).start()
ready.wait()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 99), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_worker_that_did_not_hear_the_signal_is_told_again(tmp_path: Path, number: signal.Signals, code: int) -> None:
    assert run(tmp_path, number, before=DEAF).returncode == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_gets_the_signal_says_nothing(tmp_path: Path, number: signal.Signals) -> None:
    worker = f"signal.signal(signal.SIGALRM, signal.SIG_DFL); os.kill(os.getpid(), {int(number)})"
    done = run(
        tmp_path,
        signal.SIGKILL,
        worker=f"""
    try:
        {worker}
    except KeyboardInterrupt:
        os._exit(5)""",
    )
    assert done.stdout.split() == ["worker", str(5 << 8 if number == signal.SIGINT else int(number))]
    assert done.stderr == ""


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    done = run(tmp_path, signal.SIGINT, before="signal.signal(signal.SIGINT, signal.SIG_IGN)", after="print('went on')")
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, "went on", "")


def test_nothing_is_said_where_no_run_has_begun(tmp_path: Path) -> None:
    done = run(tmp_path, signal.SIGTERM, before="_signals.at = lambda place: None")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
