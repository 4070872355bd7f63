"""The table of all editions links each verdict to its page, and says where there is none."""

import pandas as pd
from bs4 import BeautifulSoup

from emomech.notebook import editions

ROWS = [
    ("C1", "the embedded model", "flow", "Three phases.", "replicates", "It does."),
    ("C1", "A <b>", "a-b/flow", "Three phases.", "", "not computed yet"),
    ("C2", "the embedded model", "sharing", "", "no power here", "Too few."),
    ("C2", "A <b>", "a-b/sharing", "", "", "It has no labelled words."),
]
TABLE = pd.DataFrame(ROWS, columns=["claim", "label", "page", "statement", "outcome", "reason"])


def test_a_cell_leads_to_the_page_with_its_verdict() -> None:
    page = BeautifulSoup(str(editions.table(TABLE, pages="results/").data), "html.parser")
    links = {str(link["href"]): link for link in page.select("td a")}
    assert list(links) == ["results/flow.html", "results/sharing.html"]
    assert links["results/flow.html"].get_text(strip=True) == "replicates"
    assert links["results/flow.html"]["title"] == "It does."
    assert [head.get_text() for head in page.select("thead th")] == ["claim", "the embedded model", "A <b>"]
    assert page.select_one(".emo-scroll[tabindex='0']") is not None


def test_a_cell_without_verdict_says_why() -> None:
    page = BeautifulSoup(str(editions.table(TABLE).data), "html.parser")
    blank = [(cell.get_text(), cell["title"]) for cell in page.select("td.emo-blank")]
    assert blank == [("not yet", "not computed yet"), ("–", "It has no labelled words.")]


def test_open_editions_are_listed_with_their_commands() -> None:
    text = str(editions.open_list([("One & two", "emomech edition compute one")]).data)
    assert "One &amp; two: <code>emomech edition compute one</code>" in text
    assert "<li>" not in str(editions.open_list([]).data)
