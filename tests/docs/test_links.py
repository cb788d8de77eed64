import re

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_leads_somewhere(pages):
    problems = []
    for name in pages.texts:
        links = LINK.findall(pages.prose(name))
        for link in links:
            if link.startswith("https://"):
                continue
            target, _, anchor = link.partition("#")
            path = (pages.root / name).parent / target if target else pages.root / name
            if not path.is_file():
                problems.append(f"{name}: {link}: no such file")
            elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
                problems.append(f"{name}: {link}: no such heading")
    assert problems == []


def test_every_page_is_linked_from_the_readme(pages):
    linked = set(LINK.findall(pages["README.md"]))
    assert {name for name in pages.texts if name.startswith("docs/")} <= linked
