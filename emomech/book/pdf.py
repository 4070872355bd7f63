"""The whole book as one PDF: one page of all, printed by Chromium, which keeps headings, links and tables."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from emomech.book import pages
from emomech.book.edition import Edition
from emomech.core import files
from emomech.core.errors import EmomechError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ("--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--no-pdf-header-footer")
_SECONDS = 300


def print_book(edition: Edition, file: Path) -> Path:
    """Print an edition as it stands, and return the file.

    Raises EmomechError where no browser is installed, where a page of the contents is missing or not whole, and where
    the browser fails; then the file is as it was.
    """
    browser = _browser()
    sources = pages.book_sources(edition.root, edition.results)
    file.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(file.parent) as folder:
        printed = folder / "book.pdf"
        _print(browser, pages.one_page(sources, folder), printed)
        os.replace(printed, file)
    return file


def _browser() -> str:
    if found := next((path for name in BROWSERS if (path := shutil.which(name))), None):
        return found
    raise EmomechError(
        f"a PDF is printed by Chromium, and none is installed; looked for {', '.join(BROWSERS)}. Install one, such as "
        "with `apt-get install chromium`."
    )


def _print(browser: str, page: Path, file: Path) -> None:
    """Let the browser print, with a profile of its own that is gone afterwards."""
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses root's
    with tempfile.TemporaryDirectory(prefix="emomech-", ignore_cleanup_errors=True) as profile:
        command = [browser, *_OPTIONS, *sandbox, f"--user-data-dir={profile}", f"--print-to-pdf={file}", page.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise EmomechError(f"{browser}: did not print the book within {_SECONDS} s.") from error
    if done.returncode or not file.exists():
        raise EmomechError(f"{browser}: could not print the book: {done.stderr.strip().splitlines()[-1:]}")
