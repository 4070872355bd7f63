"""The counts of texts add up, and say why texts were left out."""

import re

from emomech.notebook import provenance
from emomech.notebook.texts_read import NOT_DRAWN, texts_table

COUNTS = {"rows": 1234, "kept": 200, "not drawn": 1030, "left out": {"several emotions": 3, "<odd>": 1}}


def test_the_counts_add_up_to_the_rows_that_were_read() -> None:
    html = texts_table(COUNTS)
    rows = dict(re.findall(r'<th scope="row">(.*?)</th><td class="emo-number">(.*?)</td>', html))
    assert list(rows) == ["read", "kept", "left out: several emotions", "left out: &lt;odd&gt;", NOT_DRAWN]
    read, *parts = (int(re.sub(r"\D", "", number)) for number in rows.values())
    assert read == sum(parts)


def test_a_page_shows_them_before_its_provenance_if_the_corpus_was_read() -> None:
    html = str(provenance.footer({"key": "abc", "texts": COUNTS}).data)
    assert html.startswith(texts_table(COUNTS))
    assert "left out" not in html.removeprefix(texts_table(COUNTS))
    assert "<table aria-label" not in str(provenance.footer({"key": "abc"}).data)
