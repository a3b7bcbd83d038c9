"""Draw the wings and their arrows from the imports, for docs/architecture.md: make architecture."""

from __future__ import annotations

from html import escape

from tests.lint.house import ORDER, PLUGINS, PURE, ROOT, arrows, name_of

PICTURE = ROOT / "docs" / "images" / "wings.svg"
# In pixels.
WIDTH, BOX, ROW, MARGIN = 118, 40, 92, 16
DECIDES, ON_NODES, CONTROLLER = "#d9ead3", "#fde9d0", "#dbe5f5"


def below() -> dict[str, set[str]]:
    """The wings that each wing imports from, without those that it reaches through another one."""
    direct = {
        wing: {name_of(other.parent) for path in (PLUGINS / wing).glob("*.py") for other in arrows(path)} - {wing}
        for wing in ORDER
    }
    # The planner and its checks are one box's neighbours: see test_house.is_plan_of_checks.
    direct["module_utils/_plan"].discard("module_utils/_plan/checks")
    reached: dict[str, set[str]] = {}
    for wing in ORDER:
        reached[wing] = direct[wing].union(*(reached[one] for one in direct[wing]))
    return {wing: {one for one in found if not any(one in reached[other] for other in found)} for wing, found in direct.items()}


def rows(under: dict[str, set[str]]) -> list[list[str]]:
    """Wings by how many stand below them, the highest first."""
    level: dict[str, int] = {}
    for wing in ORDER:
        level[wing] = 1 + max((level[one] for one in under[wing]), default=-1)
    return [[wing for wing in ORDER if level[wing] == one] for one in range(max(level.values()), -1, -1)]


def drawn() -> str:
    """The picture, the same for the same imports."""
    under = below()
    lines = rows(under)
    wide = max(map(len, lines)) * (WIDTH + MARGIN) + MARGIN
    high = (len(lines) - 1) * ROW + BOX + 2 * MARGIN
    at = {
        wing: (round((wide - len(line) * (WIDTH + MARGIN) + MARGIN) / 2) + number * (WIDTH + MARGIN), MARGIN + row * ROW)
        for row, line in enumerate(lines)
        for number, wing in enumerate(line)
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" font-family="sans-serif">',
        "<title>Wings of the collection: each imports only from wings below it</title>",
        f'<rect width="{wide}" height="{high}" rx="8" fill="#ffffff"/>',
        *(_arrow(at[wing], at[one]) for wing in ORDER for one in sorted(under[wing])),
        *(_box(wing, at[wing]) for wing in ORDER),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + WIDTH // 2, start[1] + BOX
    x2, y2 = end[0] + WIDTH // 2, end[1]
    bend = (y2 - y1) // 2
    return (
        f'<path d="M{x1} {y1} C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}" fill="none" stroke="#7a8699" stroke-width="1.2"/>'
        f'<path d="M{x2 - 4} {y2 - 7} L{x2} {y2} L{x2 + 4} {y2 - 7} Z" fill="#7a8699"/>'
    )


def _box(wing: str, at: tuple[int, int]) -> str:
    top, _unused, name = wing.partition("/")
    files = len(list((PLUGINS / wing).glob("*.py")))
    colour = DECIDES if wing in PURE else ON_NODES if top == "module_utils" else CONTROLLER
    middle = at[0] + WIDTH // 2
    return (
        f'<rect x="{at[0]}" y="{at[1]}" width="{WIDTH}" height="{BOX}" rx="6" fill="{colour}" stroke="#4a5568"/>'
        f'<text x="{middle}" y="{at[1] + 17}" text-anchor="middle" font-size="13" font-weight="bold">{escape(name)}</text>'
        f'<text x="{middle}" y="{at[1] + 33}" text-anchor="middle" fill="#4a5568" font-size="11">{files} files</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
