"""A run of tests in several workers: however it ends, no server of it goes on, and its summary stands last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.binaries import ROOT
from tests.lab.marks import without_mark
from tests.lab.processes import is_alive, look, send, wait_until

SECONDS = 120.0
SAMPLE = """
import os, signal
from tests.lab.cluster import LoopbackCluster

def test_it():
    # What a killed worker has begun is done again by another one, besides being a failure.
    if os.path.exists({told!r}):
        return
    with LoopbackCluster("2.14.6", 1) as cluster:
        with open({told!r}, "w") as told:
            told.write(f"{{os.getpid()}} {{cluster.process('n1').pid}}\\n")
        signal.pause()
"""


@pytest.mark.parametrize("how", ["cancelled", "a worker is killed"])
def test_no_server_is_left_of_a_run(tmp_path: Path, how: str) -> None:
    told, sample = tmp_path / "told", tmp_path / "test_sample.py"
    sample.write_text(SAMPLE.format(told=str(told)), encoding="utf-8")
    argv = [sys.executable, "-m", "pytest", "-p", "tests.parallel", "-n", "2", "--rootdir", str(tmp_path), str(sample)]
    environment = {**without_mark(), "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert wait_until(lambda: told.exists() and told.read_text(encoding="utf-8").endswith("\n"), SECONDS)
        worker, server = (look(int(pid)) for pid in told.read_text(encoding="utf-8").split())
        assert worker
        assert server
        if how == "cancelled":
            os.kill(run.pid, signal.SIGTERM)
        else:
            send(worker, signal.SIGKILL)
        output, _unused = run.communicate(timeout=SECONDS)
    finally:
        run.kill()
        run.wait()
    assert not is_alive(server)
    assert output.splitlines()[-1].startswith("==="), output
    assert (run.returncode, "1 failed" in output) == ((2, False) if how == "cancelled" else (1, True))
