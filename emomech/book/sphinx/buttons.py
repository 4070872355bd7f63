"""What a page offers to take away or to open: its executed notebook, and its own notebook on Binder.

The only address is `emomech_repository` in `_config.yml`; as long as it is empty, no button leads nowhere.
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
"""The theme's own buttons are set at 501."""


def binder_url(repository: str, branch: str, notebook: str) -> str:
    """Give the address at which Binder opens a notebook of a repository, as a notebook that can be executed.

    GitHub and GitLab have addresses of their own, any other host is named in full
    (https://mybinder.readthedocs.io/en/latest/reference/provider.html).
    """
    parts = urlsplit(repository.removesuffix("/").removesuffix(".git"))
    path = parts.path.strip("/")
    kinds = {"github.com": f"gh/{path}", "gitlab.com": f"gl/{quote(path, safe='')}"}
    place = kinds.get(parts.netloc, f"git/{quote(repository, safe='')}")
    return f"{BINDER}/v2/{place}/{quote(branch, safe='')}?urlpath=lab/tree/notebooks/{notebook}{NOTEBOOK}"


def _offer(app: "Sphinx", pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Add to a page made of a notebook a line with the executed notebook, and a button where there is a repository."""
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
    """Register what is offered with Sphinx."""
    app.add_config_value("emomech_repository", "", "html", [str])
    app.add_config_value("emomech_branch", "main", "html", [str])
    app.connect("html-page-context", _offer, priority=_AFTER_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
