"""Print the book as one PDF: Chromium prints a single page of all chapters, and keeps headings, links and tables."""

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
_TIMEOUT = 300
"""Seconds until printing is given up."""


def print_book(edition: Edition, file: Path) -> Path:
    """Print an edition as it is, and return the file.

    Raises EmomechError if no browser is installed, if a page is missing or has problems, and if the browser fails. The
    file is then unchanged.
    """
    browser = find_browser()
    sources = pages.book_sources(edition.root, edition.results)
    file.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(file.parent) as folder:
        printed = folder / "book.pdf"
        _print(browser, pages.one_page(sources, folder), printed)
        os.replace(printed, file)
    return file


def find_browser() -> str:
    """Find a browser that prints. Raises EmomechError if none is installed."""
    if browser := next((path for name in BROWSERS if (path := shutil.which(name))), None):
        return browser
    raise EmomechError(
        f"Chromium prints the PDF, but it is not installed; looked for {', '.join(BROWSERS)}. Install it, such as with "
        "`apt-get install chromium`."
    )


def _print(browser: str, page: Path, file: Path) -> None:
    """Let the browser print, with a temporary profile."""
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # refused for root
    with tempfile.TemporaryDirectory(prefix="emomech-", ignore_cleanup_errors=True) as profile:
        command = [browser, *_OPTIONS, *sandbox, f"--user-data-dir={profile}", f"--print-to-pdf={file}", page.as_uri()]
        try:
            process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except subprocess.TimeoutExpired as error:
            raise EmomechError(f"{browser}: did not print the book within {_TIMEOUT} s.") from error
    if process.returncode or not file.exists():
        raise EmomechError(f"{browser}: could not print the book: {process.stderr.strip().splitlines()[-1:]}")
