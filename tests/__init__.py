"""The collection is importable from whatever is in here, also where it runs as a program."""

import conftest  # noqa: F401
