# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A NATS server that comes from a package: stage another version, install it beside the running process, put the old one back.

What is staged and what is kept lie in the state folder, each with a manifest that is there only once the rest is, so that what
is installed in the node's turn is what was proved before, and no repository is asked for it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any, Dict, Iterator, Mapping, Tuple

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import apt as _apt
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_guard as _package_guard
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_versions as _package_versions
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import rpm as _rpm
from ansible_collections.natsops.cluster.plugins.module_utils._core import fields as _fields
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import safe as _safe
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Found
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _state_files

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "default": "nats-server"},
    "path": {"type": "path"},
    "version": {"type": "str"},
    "running_version": {"type": "str"},
    "package_version": {"type": "str"},
    "file": {"type": "path"},
    "state_dir": {"type": "path", "default": _state_files.FOLDER},
    "lock_timeout_seconds": {"type": "float", "default": 300.0},
}
_MANIFEST = "manifest.json"

# What was found of the server that the package is of, and the properties of its unit.
Server = Tuple[Found, Dict[str, str]]


class Package:
    """One server's package on one node, and the folders for what is staged and what is kept."""

    def __init__(self, params: Mapping[str, Any], server: Server) -> None:
        self.params = params
        self.name, self.path = params["name"], params["path"]
        self.version, self.running = params["version"], params["running_version"]
        self.new = os.path.join(params["state_dir"], "package", "new")
        self.old = os.path.join(params["state_dir"], "package", "old")
        self.manager = _manager_of(self.name, params["lock_timeout_seconds"])
        found, unit = server
        self.process, self.identity = found.process, _identity.of(found.process, unit)

    def staged(self) -> dict[str, Any]:
        """The manifest of what was staged for this version. Raises NatsError where nothing was, or not all of it is there."""
        manifest = _manifest(self.new)
        whole = {"binary", "units"} <= set(manifest) and all(os.path.isfile(path) for path in _files(self.new, manifest))
        if (manifest.get("name"), manifest.get("version")) != (self.name, self.version) or not whole:
            raise NatsError(f"the package {self.name} {self.version} is not staged in {self.new}: nothing was installed")
        return manifest

    def kept(self) -> dict[str, Any]:
        """The manifest of what was kept of the version that runs; empty where nothing was."""
        manifest = _manifest(self.old)
        return manifest if (manifest.get("name"), manifest.get("version")) == (self.name, self.running) else {}

    @property
    def kept_binary(self) -> str:
        return os.path.join(self.old, _process.PROGRAM)


def _manager_of(name: str, lock_timeout_seconds: float) -> _apt.Apt | _rpm.Rpm:
    """The package manager that has this package. Raises NatsError where none has."""
    managers = [kind(lock_timeout_seconds) for kind in (_apt.Apt, _rpm.Rpm) if shutil.which(kind.program)]
    if not managers:
        raise NatsError(
            "refused: there is neither dpkg nor rpm here, which nats_upgrade_artifact: package is for: take archive. Nothing was "
            "touched",
            refusal="no_package",
        )
    for manager in managers:
        if manager.installed(name):
            return manager
    asked = " and ".join(manager.name for manager in managers)
    raise NatsError(
        f"refused: no package {name} is installed here ({asked} was asked): set nats_upgrade_package_name to the one that the "
        "server comes from, or nats_upgrade_artifact to archive. Nothing was touched",
        refusal="no_package",
    )


def stage(params: Mapping[str, Any], server: Server, *, check_mode: bool) -> dict[str, Any]:
    """Put the package and all that it needs on the node, prove what it holds, and keep what runs; return the module's result."""
    package = Package(params, server)
    _require_owned(package)
    if check_mode:
        version, said = _foreseen(package)
        binary = os.path.join(package.new, "not staged")
        return {"changed": True, "package_version": version, "binary": binary, "said": said}
    _package_guard.down()
    if package.manager.was_cut_off():
        with _fenced(package, _package_versions.units_in(package.manager.files(package.name))):
            package.manager.mend()
    wanted = _wanted(package)
    changed = False
    with _saying(params["state_dir"]):
        if not _is_staged(package, wanted):
            _stage(package, wanted)
            changed = True
        if not package.kept() and package.running != package.version:
            changed = _keep(package) or changed
    manifest = package.staged()
    return {
        "changed": changed,
        "package_version": wanted,
        "binary": os.path.join(package.new, manifest["binary"]),
        "said": "",
        "warnings": list(_staged_warnings(package, wanted)),
    }


def _require_owned(package: Package) -> None:
    owner = package.manager.owner(package.path)
    comes_from = f"the package {owner}" if owner else "no package"
    if owner != package.name:
        raise NatsError(
            f"refused: the server is started by {package.path}, which comes from {comes_from} and not "
            f"from {package.name}: another version of that package would not be what starts. Set "
            "nats_upgrade_package_name, or nats_upgrade_artifact to archive. Nothing was touched",
            refusal="no_package",
        )


def _foreseen(package: Package) -> tuple[str, str]:
    """For check mode: the version of the package that is to be installed, or why that is not known before something is done.

    What the run itself would fetch, a file or fresh lists, may hold the target: that is no reason to refuse.
    """
    if package.params["file"]:
        return "", "not checked until staged: whether the package file holds this version, and can be installed"
    try:
        return _wanted(package, may_refresh=False), ""
    except NatsError:
        package.manager.require_lists()
        if not _may_be_listed_later(package):
            raise
    return "", (
        f"not known before the lists are refreshed, as the run does: the lists of {package.manager.name} on this host, as old as "
        f"they are, have no such package of {package.name} {package.version}"
    )


def _may_be_listed_later(package: Package) -> bool:
    """Whether fresh lists could have the package that the known ones lack. Where several fit, more would be no help."""
    asked_for, target = package.params["package_version"] or "", package.version
    if asked_for:
        return bool(_package_versions.upstream(asked_for) == target)
    return not any(_package_versions.upstream(version) == target for version in package.manager.versions(package.name))


def _wanted(package: Package, *, may_refresh: bool = True) -> str:
    """The version of the package that is to be installed."""
    manager, asked_for = package.manager, package.params["package_version"] or ""
    if package.params["file"]:
        name, version = manager.read(package.params["file"])
        if name != package.name or _package_versions.upstream(version) != package.version:
            raise NatsError(
                f"refused: nats_upgrade_package_file is the package {name} {version}, and has to be {package.name} "
                f"{package.version}. Nothing was touched",
                refusal="no_package",
            )
        return version
    installed = manager.installed(package.name)
    if _package_versions.upstream(installed) == package.version and asked_for in ("", installed):
        return installed
    try:
        return _package_versions.choose(package.name, package.version, manager.versions(package.name), asked_for)
    except NatsError:
        if not may_refresh:
            raise
    manager.refresh()
    return _package_versions.choose(package.name, package.version, manager.versions(package.name), asked_for)


def _is_staged(package: Package, wanted: str) -> bool:
    try:
        manifest = package.staged()
    except NatsError:
        return False
    given = package.params["file"]
    same_file = not given or manifest.get("sha256") == _binary.sha256_of(given)
    binary = os.path.join(package.new, manifest["binary"])
    return manifest["package_version"] == wanted and same_file and _binary.is_staged(binary, package.version)


def _stage(package: Package, wanted: str) -> None:
    manager, given = package.manager, package.params["file"]
    manifest = {"name": package.name, "version": package.version, "package_version": wanted}
    manifest["units"] = _package_versions.units_in(manager.files(package.name))
    manifest["sha256"] = _binary.sha256_of(given) if given else ""
    with _filled(package.new, manifest) as folder:
        # Somebody has installed it already and has not restarted the server: there is nothing to fetch.
        if wanted == manager.installed(package.name) and manager.is_whole(package.name):
            manifest.update(files=[], binary=package.path)
        else:
            manager.fetch(shutil.copy(given, folder) if given else f"{package.name}={wanted}", folder)
            own = _own_in(package, wanted, folder)
            if not own:  # it is there, and not whole: nothing would be fetched
                manager.fetch_one(f"{package.name}={wanted}", folder)
                own = _own_in(package, wanted, folder)
            root = os.path.join(folder, "root")
            os.mkdir(root)
            manager.unpack(os.path.join(folder, own), root)
            manifest["units"] += _package_versions.units_in(manager.contents(os.path.join(folder, own)))
            manifest.update(files=_packages_in(package, folder), binary=os.path.relpath(_server_in(root, own), folder))
        reported = _binary.version_of(os.path.join(folder, manifest["binary"]))
        if reported != package.version:
            raise NatsError(f"{package.name} {wanted} holds nats-server {reported}, not {package.version}: nothing was installed")


def _packages_in(package: Package, folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(package.manager.suffix))


def _own_in(package: Package, wanted: str, folder: str) -> str:
    """The file of the server's own package, among those that it needs; empty where it is not there."""
    own = (package.name, wanted)
    return next((name for name in _packages_in(package, folder) if package.manager.read(os.path.join(folder, name)) == own), "")


def _server_in(root: str, name: str) -> str:
    found = [
        os.path.join(folder, _process.PROGRAM)
        for folder, _folders, files in os.walk(root)
        if _process.PROGRAM in files and not os.path.islink(os.path.join(folder, _process.PROGRAM))
    ]
    programs = [path for path in found if os.access(path, os.X_OK)]
    if len(programs) != 1:
        raise NatsError(f"{name} holds {len(programs)} programs named nats-server, not one: is it a package of NATS?")
    return programs[0]


def _keep(package: Package) -> bool:
    """Keep the binary that runs, and its package where it can still be had; whether there was a binary to keep."""
    manifest: dict[str, Any] = {"name": package.name, "version": package.running, "package_version": "", "files": []}
    with contextlib.suppress(_binary.NoneProvedError), _filled(package.old, manifest) as folder:
        _binary.copy_running(package.process, package.path, os.path.join(folder, _process.PROGRAM), package.running)
        for version in _versions_that_run(package):
            with contextlib.suppress(NatsError):
                package.manager.fetch_one(f"{package.name}={version}", folder)
            for cached in package.manager.cached(package.name, version):
                shutil.copy(cached, folder)
            own = _own_in(package, version, folder)
            if own:
                manifest.update(package_version=version, files=[own])
                break
    return bool(package.kept())


def _versions_that_run(package: Package) -> list[str]:
    """The packages that may be the one of the running version, the likeliest first."""
    known = [package.manager.installed(package.name), *package.manager.versions(package.name)]
    return [version for version in dict.fromkeys(known) if _package_versions.upstream(version) == package.running]


def _staged_warnings(package: Package, wanted: str) -> Iterator[str]:
    if package.manager.is_held(package.name):
        yield f"the package {package.name} is held (apt-mark hold): it is upgraded all the same, and held again afterwards"
    if package.running != package.version and not package.kept().get("files"):
        yield (
            f"no repository has the package of {package.running}, which runs, any more: if {package.version} does not come up, "
            f"the old binary alone is put back, and {package.name} stays at {wanted} for the package manager"
        )


def install(params: Mapping[str, Any], server: Server, *, check_mode: bool) -> dict[str, Any]:
    """Install what was staged while the old server goes on running; return the module's result.

    Raises NatsError where that process is not there any more afterwards.
    """
    package = Package(params, server)
    before = package.process
    if check_mode:
        return {"changed": True, "package_version": ""}
    _package_guard.down()
    manifest = package.staged()
    files = _files(package.new, manifest)
    result: dict[str, Any] = {"changed": False, "package_version": manifest["package_version"]}
    if not files or (_is_installed(package, manifest) and _binary.is_staged(package.path, package.version, package.identity)):
        return result
    _install(package, files, manifest["units"])
    if before is not None and not _process.alive(before):
        raise NatsError(
            f"the server (pid {before.pid}) has ended while the package {package.name} {manifest['package_version']} was "
            "installed, although its scripts were kept from it: it was not drained. Look at the log of the server and at "
            f"{package.manager.log}"
        )
    if not _binary.is_staged(package.path, package.version, package.identity):
        raise NatsError(
            f"{package.path} is not nats-server {package.version} although {package.name} {manifest['package_version']} is "
            "installed now: the package puts it elsewhere. The old server goes on running; nothing was signalled"
        )
    return {**result, "changed": True}


def _is_installed(package: Package, manifest: Mapping[str, Any]) -> bool:
    return package.manager.installed(package.name) == manifest["package_version"] and package.manager.is_whole(package.name)


def _install(package: Package, files: list[str], units: list[str]) -> None:
    held = package.manager.is_held(package.name)
    try:
        with _fenced(package, units):
            package.manager.install(files)
    finally:
        if held:
            package.manager.hold(package.name)


def _fenced(package: Package, units: list[str]) -> contextlib.AbstractContextManager[None]:
    """Keep what is installed meanwhile from the units of the package, and from the one that the server runs in."""
    unit = package.params["service"]
    names = [*units, *([_process.systemctl_show(unit)["Id"]] if unit else [])]
    return _package_guard.up(names if package.manager.asks_policy else [], unit)


def revert(params: Mapping[str, Any], server: Server, *, check_mode: bool) -> dict[str, Any]:
    """Put the old package back, or at least the old binary; return the module's result. The server does not run."""
    package = Package(params, server)
    kept = package.kept()
    if not kept:
        raise NatsError(
            f"nothing of {package.name} {package.running} was kept in {package.old}: it cannot be put back from there"
        )
    if not _files(package.old, kept) and not _binary.is_staged(package.kept_binary, package.running):
        raise NatsError(f"{package.kept_binary} is no nats-server {package.running} that runs here: nothing was put back")
    files, warnings = _files(package.old, kept), []
    if check_mode:
        return {"changed": True, "package_version": kept["package_version"], "placed": ""}
    _package_guard.down()
    changed = bool(files) and not _is_installed(package, kept)
    if changed:
        try:
            _install(package, files, _manifest(package.new).get("units", []))
        except NatsError as exc:
            warnings.append(f"the package {package.name} {kept['package_version']} could not be put back, its binary is: {exc}")
    placed = ""
    if not _binary.is_staged(package.path, package.running, package.identity):
        placed = _place(package.kept_binary, package.path)
    return {
        "changed": changed or bool(placed),
        "package_version": kept["package_version"],
        "placed": placed,
        "warnings": warnings,
    }


def _place(binary: str, path: str) -> str:
    """Put the kept binary where the server is started from, by one rename."""
    real = os.path.realpath(path)
    try:
        _safe.copy(binary, real, 0o755)
    except OSError as exc:
        raise NatsError(f"cannot put {binary} back as {real}: {exc.strerror or exc}") from exc
    return real


def release(*, check_mode: bool) -> dict[str, Any]:
    """Undo what a run that died while it installed has left in place."""
    return {"changed": _package_guard.left() if check_mode else _package_guard.down()}


def _manifest(folder: str) -> dict[str, Any]:
    """The manifest in a folder; empty where there is none, or it is not one."""
    fields = _state_files.read(folder, _MANIFEST).fields or {}
    return {} if _fields.wrong(fields, _package_versions.MANIFEST_KEYS) else fields


def _files(folder: str, manifest: Mapping[str, Any]) -> list[str]:
    return [os.path.join(folder, name) for name in manifest.get("files", [])]


@contextlib.contextmanager
def _filled(folder: str, manifest: dict[str, Any]) -> Iterator[str]:
    """A folder to be filled in the C(with), which then takes the place of the named one, its manifest in it."""
    fresh = f"{folder}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    with _state_files.guarded(fresh):
        yield fresh
        _state_files.replace(fresh, {_MANIFEST: manifest})
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(fresh, folder)


@contextlib.contextmanager
def _saying(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise NatsError(
            f"cannot stage a package below {folder}: {exc.strerror or exc} ({exc.filename}). The server was not touched; run "
            "with become (-b), and make room where the disk is full"
        ) from exc
