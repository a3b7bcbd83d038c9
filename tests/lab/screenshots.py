"""Pictures of reports, to look at, and the one that the README shows: python -m tests.lab.screenshots [--to FOLDER].

It installs nothing: it needs chromium, and says so where there is none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.lab.browser import Browser
from tests.lab.report_events import STORIES

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.natsops.cluster.plugins.plugin_utils._page import page as _page  # noqa: E402
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build  # noqa: E402

SHOWN = ROOT / "docs" / "images" / "report.png"
WIDTHS = {"desktop": 1280, "phone": 390}
# What people look at without scrolling, about: the README shows no more of it.
SHOWN_HEIGHT = 1000


def pictures(browser: Browser, folder: Path, stories: list[str]) -> None:
    """Each story on a screen and on a phone, by day and by night, and printed."""
    folder.mkdir(parents=True, exist_ok=True)
    for story in stories:
        page = folder / f"{story}.html"
        page.write_text(_page.render(_build.build(STORIES[story]())), encoding="utf-8")
        for device, width in WIDTHS.items():
            for dark in (False, True):
                browser.open(page, width, dark=dark)
                browser.picture(folder / f"{story}-{device}-{'dark' if dark else 'light'}.png")
                sideways = browser.ask("document.documentElement.scrollWidth") - width
                if sideways > 0:
                    print(f"{story} is {sideways} pixels wider than a {device}")
        browser.printed(folder / f"{story}.pdf")
        print(f"{folder}/{story}-*.png, {story}.pdf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, help="draw all stories into this folder, and not the picture of the README")
    parser.add_argument("stories", nargs="*", default=list(STORIES), help=f"of {', '.join(STORIES)}")
    chosen = parser.parse_args()
    with Browser() as browser:
        if chosen.to:
            pictures(browser, chosen.to, chosen.stories)
            return
        page = SHOWN.with_suffix(".html")
        SHOWN.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_page.render(_build.build(STORIES["good"]())), encoding="utf-8")
        try:
            browser.open(page, 1000)
            browser.picture(SHOWN, most=SHOWN_HEIGHT)
        finally:
            page.unlink()
        print(f"{SHOWN}: {SHOWN.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
