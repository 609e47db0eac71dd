"""Links between the pages of this repository lead to a file, and to a heading in it."""

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|\bsrc=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_EXTERNAL = ("https://", "http://", "mailto:")


def list_pages() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@cache
def find_anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as the forge and the site derive them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    words = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return frozenset(re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in words)


def find_fault(page: Path, link: str) -> str:
    """Return what is wrong with a link; empty if it leads somewhere."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    where = f"{page.relative_to(ROOT)}: {link}"
    if not target.is_relative_to(ROOT) or not target.exists():
        return f"{where}: no such file"
    if anchor and anchor not in find_anchors(target):
        return f"{where}: no such heading"
    return ""


def test_every_link_leads_somewhere() -> None:
    faults, count = [], 0
    for page in list_pages():
        text = _FENCE.sub("", page.read_text())
        for found in _LINK.findall(text):
            link = found[0] or found[1]
            if not link.startswith(_EXTERNAL):
                count += 1
                faults.append(find_fault(page, link))
    assert not [fault for fault in faults if fault]
    assert count > 50


def test_the_overview_and_the_sites_navigation_lead_to_every_page_of_docs() -> None:
    overview = (ROOT / "docs" / "index.md").read_text()
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert not [name for name in pages if f"]({name}" not in overview]
    assert not [name for name in pages if f"docs/{name}\n" not in navigation]
