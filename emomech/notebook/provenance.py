"""Show where the numbers of a page come from: its parameters, run, versions and warnings."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from IPython.display import HTML

from emomech.core import origin
from emomech.core.paths import CHECKOUT
from emomech.notebook import parameters
from emomech.notebook.tables import SHORT, scrolled
from emomech.notebook.texts_read import TEXTS, texts_table
from emomech.saes.override import OVERRIDDEN
from emomech.stats.estimates import number_text
from emomech.study.identity import commit

_CODE = re.compile("`([^`]+)`")


def banner(refusals: Sequence[str]) -> str:
    """Write a warning for each SAE that was used although it does not fit the model; empty without such SAEs."""
    if not refusals:
        return ""
    listing = "".join(f"<li>{escape(refusal)}</li>" for refusal in refusals)
    return (
        '<aside class="emo emo-note emo-forced" role="alert"><p><strong>The features of this page may mean nothing: '
        f"{len(refusals)} of its SAEs do not fit the model, and the compatibility check was overridden.</strong></p>"
        f"<ul>{listing}</ul></aside>"
    )


def parameters_table(page: str, values: Mapping[str, object]) -> HTML:
    """Show the parameters of a notebook: value, default and meaning of each, with the changed ones marked.

    `values` are the notebook's global names. If the run among them used SAEs that do not fit the model, a warning comes
    first.
    """
    rows = []
    for parameter in parameters.read(CHECKOUT / "notebooks" / f"{page}.md").values():
        value = values[parameter.name]
        changed = value != parameter.default
        mark = ' <strong class="emo-changed">changed</strong>' if changed else ""
        default = "the same" if not changed and len(repr(value)) > SHORT else _setting(parameter.default)
        meaning = _CODE.sub(r"<code>\1</code>", escape(parameter.help))
        rows.append(
            f'<tr><th scope="row"><code>{escape(parameter.name)}</code></th><td>{_setting(value)}{mark}</td>'
            f'<td>{default}</td><td class="emo-long">{meaning}</td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("parameter", "value", "default", "meaning"))
    table = scrolled(
        "Parameters of this page",
        f'<thead><tr>{head}</tr></thead><tbody class="emo-parameters">{"".join(rows)}</tbody>',
        "",
    )
    provenance: Mapping[str, Any] = getattr(values.get("run"), "provenance", {})
    return HTML(banner(provenance.get(OVERRIDDEN, [])) + str(table.data))


def _setting(value: object) -> str:
    """Write a parameter's value, which may only break after a comma."""
    parts = (f'<span class="emo-short">{escape(part)}</span>' for part in repr(value).split(","))
    return f"<code>{',<wbr>'.join(parts)}</code>"


def note(text: str) -> HTML:
    """Show a remark beside the main text."""
    return HTML(f'<aside class="emo emo-note"><p>{escape(text)}</p></aside>')


def footer(provenance: Mapping[str, Any]) -> HTML:
    """Show the provenance of a page's numbers: study, arguments, versions and computing time, and the code of the page.

    A table before it counts the texts that were read, kept and left out.
    The commit is that of the code which computed the numbers; the row `code` is about the code which runs now.
    """
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_provenance_value(name, value)}</td></tr>'
        for name, value in {**provenance, "code": origin.described(commit())}.items()
        if name != TEXTS
    )
    texts = texts_table(provenance[TEXTS]) if TEXTS in provenance else ""
    return HTML(
        f"{texts}"
        '<details class="emo emo-footer" open><summary>Where these numbers come from</summary>'
        f"<table><tbody>{rows}</tbody></table></details>"
    )


def _provenance_value(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        parts = [
            f"<span>{escape(str(key))} {_provenance_part(part)}</span>" for key, part in value.items() if part != ""
        ]
        return f'<span class="emo-parts">{" ".join(parts)}</span>'
    if name == "seconds":
        return f"{number_text(value)} s to compute"
    return f"<code>{escape(str(value))}</code>"


def _provenance_part(part: object) -> str:
    if isinstance(part, Mapping):
        return f"<code>{escape(str(part.get('sha256', '')))[:12]}</code>"
    return f"<code>{escape(str(part))}</code>"
