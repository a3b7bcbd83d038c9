# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files of a report, on the controller: for their user and group alone, whatever the umask is."""

from __future__ import annotations

import os

FOLDER_MODE, FILE_MODE = 0o750, 0o640


def make_folder(path: str) -> None:
    """Make the folder, and what is missing above it. One that is there keeps its mode."""
    path = os.path.abspath(path)
    parent = os.path.dirname(path)
    if not os.path.exists(parent):
        make_folder(parent)
    try:
        os.mkdir(path, FOLDER_MODE)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        os.chmod(path, FOLDER_MODE)


def opened(path: str | os.PathLike[str], flags: int) -> int:
    """A file to be written, made where it is missing. One that is there keeps its mode; a link in its place is an error."""
    flags |= os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        return os.open(path, flags, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor


def replace(path: str | os.PathLike[str], text: str) -> None:
    """Put a text in the place of the file in one step: whoever reads it sees the old or the new one."""
    new = f"{os.fspath(path)}.new"
    with open(opened(new, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        file.write(text)
    os.replace(new, path)
