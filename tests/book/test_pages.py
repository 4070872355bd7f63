"""Rendering reports why Jupyter Book failed."""

from pathlib import Path

import pytest

from emomech.book import pages
from emomech.core.errors import EmomechError


def test_why_jupyter_book_broke_off_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; sys.exit('Traceback\\n  File x\\nOSError: [Errno 28] No space left on device\\nRuntimeError: \\n====')"
    monkeypatch.setattr(pages, "_JUPYTER_BOOK", program)
    with pytest.raises(EmomechError) as caught:
        pages._jupyter_book(tmp_path, tmp_path)
    assert str(caught.value).splitlines()[1:] == ["OSError: [Errno 28] No space left on device"]
