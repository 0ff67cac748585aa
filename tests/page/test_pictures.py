"""The pictures of the documentation, taken of the sample: `make pictures` keeps them in docs/pictures."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.page.conftest import ROOT
from tests.page.test_browser import DESKTOP, PHONE, open_check

KEPT = ROOT / "docs" / "pictures"
PICTURES = [
    ("page", "django", DESKTOP, "light", "host.disk:/var"),
    ("page-phone-dark", "django", PHONE, "dark", ""),
    ("page-unfold-dark", "unfold", DESKTOP, "dark", "host.memory"),
    ("page-unfold-phone", "unfold", PHONE, "light", ""),
]


@pytest.mark.parametrize(("name", "admin", "size", "scheme", "opened"), PICTURES, ids=[row[0] for row in PICTURES])
def test_a_picture_of(
    servers: Any, visit: Any, tmp_path: Path, name: str, admin: str, size: Any, scheme: str, opened: str
) -> None:
    page = visit(servers(admin), viewport=size, color_scheme=scheme).log_in("/admin/health/%3Fhost%3Dweb1")
    if opened:
        card = open_check(page, opened)
        with page.expect_response(lambda answer: "range=7d" in answer.url):
            card.get_by_text("7 d", exact=True).click()
        expect(card.locator("canvas")).to_be_visible()
        page.mouse.move(0, 0)
        page.wait_for_timeout(200)  # for the fonts of the chart
    page.evaluate("scrollTo(0, 0)")
    folder = KEPT if os.environ.get("PICTURES") else tmp_path
    folder.mkdir(exist_ok=True)
    taken = page.screenshot(path=folder / f"{name}.png", full_page=True)
    kept = KEPT / f"{name}.png"
    assert kept.exists(), f"{kept} is missing: make pictures"
    assert len(taken) > 20_000
