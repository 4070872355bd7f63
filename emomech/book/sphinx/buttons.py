"""Sphinx extension: offer each page's executed notebook for download, and its notebook on Binder.

The address of the repository is `emomech_repository` in `_config.yml`; while it is empty, no page has a Binder button.
"""

from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from sphinx.application import Sphinx


BINDER = "https://mybinder.org"
NOTEBOOK = ".ipynb"
_AFTER_THEME = 510
"""Priority of the handler; the theme sets its buttons at 501."""


def binder_url(repository: str, branch: str, notebook: str) -> str:
    """Give the address at which Binder opens a notebook of a repository.

    Binder has short addresses for GitHub and GitLab; any other repository is named by its full address
    (https://mybinder.readthedocs.io/en/latest/reference/provider.html).

    Example:
        >>> from emomech.book.sphinx.buttons import binder_url
        >>> binder_url("https://github.com/some/where", "main", "flow")
        'https://mybinder.org/v2/gh/some/where/main?urlpath=lab/tree/notebooks/flow.ipynb'
    """
    parts = urlsplit(repository.removesuffix("/").removesuffix(".git"))
    path = parts.path.strip("/")
    short = {"github.com": f"gh/{path}", "gitlab.com": f"gl/{quote(path, safe='')}"}
    provider = short.get(parts.netloc, f"git/{quote(repository, safe='')}")
    return f"{BINDER}/v2/{provider}/{quote(branch, safe='')}?urlpath=lab/tree/notebooks/{notebook}{NOTEBOOK}"


def _offer(app: "Sphinx", pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Add a link to the executed notebook to each page of a notebook, and a Binder button if there is a repository."""
    if not doctree or context.get("page_source_suffix") != NOTEBOOK:
        return
    name = PurePosixPath(pagename).name
    address = context["pathto"](f"_sources/{context['sourcename']}", 1)
    context["body"] += (
        f'<p class="emo emo-takeaway"><a href="{escape(address)}" download="{escape(name)}{NOTEBOOK}">'
        "The executed notebook behind this page</a></p>"
    )
    if repository := app.config.emomech_repository:
        context["header_buttons"].append(
            {
                "type": "link",
                "url": binder_url(repository, app.config.emomech_branch, name),
                "tooltip": "Open this notebook on Binder",
                "icon": "fas fa-rocket",
                "label": "launch-binder",
            }
        )


def setup(app: "Sphinx") -> dict[str, object]:
    """Register the extension with Sphinx."""
    app.add_config_value("emomech_repository", "", "html", [str])
    app.add_config_value("emomech_branch", "main", "html", [str])
    app.connect("html-page-context", _offer, priority=_AFTER_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
