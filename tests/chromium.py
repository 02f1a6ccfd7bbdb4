"""A real browser for the tests: Chromium, driven by Playwright; and what axe-core finds in a page.

Where one of them is missing, the tests that need it are skipped and say so.
"""

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["SCREENSHOTS", "barriers", "chromium"]

SCREENSHOTS = Path(__file__).resolve().parent / "browser" / "screenshots"
SWITCHES = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
SERIOUS = ("moderate", "serious", "critical")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window.  Skips the test if there is none on this machine."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if importlib.util.find_spec("playwright") is None or program is None:
        pytest.skip("needs Chromium and the package playwright: see CONTRIBUTING.md")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        try:
            yield browser
        finally:
            browser.close()


def barriers(page: Any, inside: str, but: tuple[str, ...] = ()) -> list[str]:
    """What axe-core holds to keep people out, above "minor", in what the selector finds.

    Args:
        page: a page of Playwright.
        inside: selector of the parts that are looked at.
        but: the names of rules that are not asked for.
    """
    folder = importlib.util.find_spec("axe_playwright_python")
    if folder is None or folder.origin is None:
        pytest.skip("needs the package axe-playwright-python")
    if page.locator(inside).count() == 0:
        raise AssertionError(f"nothing on the page is {inside!r}")
    page.evaluate((Path(folder.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    asked = {"rules": {rule: {"enabled": False} for rule in but}, "resultTypes": ["violations"]}
    found = page.evaluate("([part, how]) => axe.run({include: [[part]]}, how)", [inside, asked])
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
