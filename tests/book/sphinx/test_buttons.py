"""A page offers its notebook, and Binder only if a repository is configured."""

from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from emomech.book import runner
from emomech.book.sphinx import buttons as sphinx_buttons
from emomech.core.paths import CHECKOUT


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("https://github.com/some/where", "gh/some/where"),
        ("https://github.com/some/where.git", "gh/some/where"),
        ("https://gitlab.com/some/where/", "gl/some%2Fwhere"),
        ("https://git.example.org/a/b", "git/https%3A%2F%2Fgit.example.org%2Fa%2Fb"),
    ],
)
def test_binder_is_told_the_repository_as_its_host_asks(repository: str, place: str) -> None:
    url = sphinx_buttons.binder_url(repository, "main", "flow")
    assert url == f"https://mybinder.org/v2/{place}/main?urlpath=lab/tree/notebooks/flow.ipynb"


def offered(repository: str, **context: Any) -> dict[str, Any]:
    app: Any = SimpleNamespace(config=SimpleNamespace(emomech_repository=repository, emomech_branch="main"))
    page_context = {
        "body": "",
        "header_buttons": [],
        "sourcename": "book/results/flow.ipynb",
        "page_source_suffix": ".ipynb",
    }
    page_context |= {"pathto": lambda path, resource: f"../../{path}", **context}
    sphinx_buttons._offer(app, "book/results/flow", "page.html", page_context, object())
    return page_context


def test_the_executed_notebook_is_offered_by_its_name() -> None:
    body = offered("")["body"]
    assert 'href="../../_sources/book/results/flow.ipynb" download="flow.ipynb"' in body


def test_a_page_of_text_offers_no_notebook() -> None:
    page_context = offered("https://github.com/some/where", page_source_suffix=".md")
    assert page_context["body"] == "" and page_context["header_buttons"] == []


def test_without_a_repository_there_is_no_button() -> None:
    assert offered("")["header_buttons"] == []
    (button,) = offered("https://github.com/some/where")["header_buttons"]
    assert button["url"].startswith("https://mybinder.org/v2/gh/some/where/main?")


def test_the_repository_is_one_setting() -> None:
    configured = yaml.safe_load((CHECKOUT / "_config.yml").read_text())
    cited = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert cited.get("repository-code", "") == configured["sphinx"]["config"]["emomech_repository"]
    assert "launch_buttons" not in configured


def test_what_binder_opens_is_made_of_a_notebook_of_this_project() -> None:
    script = (CHECKOUT / ".binder" / "postBuild").read_text()
    assert "jupytext --to ipynb notebooks/*.md" in script and runner.NOTEBOOKS == CHECKOUT / "notebooks"
