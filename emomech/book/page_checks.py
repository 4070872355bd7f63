"""Check the parameters of a page about the book, `verdicts` or `rules`, before a kernel starts.

Such a page names models, and parameters of other pages in one text; its own declarations say nothing about these.

Example:
    >>> from emomech.book.page_checks import check
    >>> check({"models": "organism", "first": "full", "others": "quick", "settings": "seed=1"})
"""

from collections.abc import Mapping
from typing import Any

from emomech.book import claims, edition, operating
from emomech.core.paths import CHECKOUT
from emomech.notebook.parameters import Value
from emomech.presets import lookup


def check(values: Mapping[str, Value]) -> None:
    """Check the parameters of a page that has the parameter `settings`; nothing is loaded.

    Raises UsageError for a claim or a model that does not exist, for settings that no page has or that do not fit, and
    for a record of simulated studies that cannot be read.
    """
    texts: Mapping[str, Any] = values
    selected = claims.select(texts.get("claims", claims.ALL))
    settings = edition.parse_settings(texts["settings"])
    claims.check(lookup.listed(texts["models"]), texts["first"], texts["others"], selected, settings)
    if measured := texts.get("measured"):
        operating.read(CHECKOUT / measured)
