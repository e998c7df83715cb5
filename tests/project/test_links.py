"""Links within the project lead to files and to headings that are there; Sphinx checks those of its site, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project.test_examples import BLOCK, PAGES, ROOT

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text_of(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return what GitHub and Sphinx call the headings of a page."""
    titles = _HEADING.findall(text_of(page))
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "")).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in _LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue  # elsewhere: the tests have no network
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def test_there_are_links_and_dead_ones_are_found(tmp_path: Path) -> None:
    assert sum(len(_LINK.findall(text_of(page))) for page in PAGES) > 30
    (tmp_path / "page.md").write_text("# One\n[a](page.md#one) [b](page.md#two) [c](none.md)\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="page.md#two.*none.md"):
        test_links_lead_somewhere(tmp_path / "page.md")
