"""Where the numbers of a page come from: its parameters, runs, versions, warnings."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from IPython.display import HTML

from emomech.core.paths import CHECKOUT
from emomech.notebook import parameters
from emomech.notebook.tables import SHORT, scrolled
from emomech.saes.override import FORCED
from emomech.stats.estimates import number_text


def banner(wrong: Sequence[str]) -> str:
    """Warn, as HTML, of SAEs that were used though they do not fit the model; nothing where there are none."""
    if not wrong:
        return ""
    listing = "".join(f"<li>{escape(one)}</li>" for one in wrong)
    return (
        '<aside class="emo emo-note emo-forced" role="alert"><p><strong>The features of this page may mean nothing: '
        f"{len(wrong)} of its SAEs do not fit the model, and their use was forced.</strong></p>"
        f"<ul>{listing}</ul></aside>"
    )


_CODE = re.compile("`([^`]+)`")


def parameters_table(page: str, values: Mapping[str, object]) -> HTML:
    """Show what a notebook was run with: each parameter with its default and meaning, the changed ones marked.

    Of the notebook's `values` its `run` is looked at too: SAEs that were used though they do not fit come first.
    """
    rows = []
    for parameter in parameters.read(CHECKOUT / "notebooks" / f"{page}.md").values():
        value = values[parameter.name]
        changed = value != parameter.default
        mark = ' <strong class="emo-changed">changed</strong>' if changed else ""
        again = "the same" if not changed and len(repr(value)) > SHORT else _setting(parameter.default)
        meaning = _CODE.sub(r"<code>\1</code>", escape(parameter.help))
        rows.append(
            f'<tr><th scope="row"><code>{escape(parameter.name)}</code></th><td>{_setting(value)}{mark}</td>'
            f'<td>{again}</td><td class="emo-long">{meaning}</td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("parameter", "value", "default", "meaning"))
    shown = scrolled(
        "Parameters of this page",
        f'<thead><tr>{head}</tr></thead><tbody class="emo-parameters">{"".join(rows)}</tbody>',
        "",
    )
    provenance: Mapping[str, Any] = getattr(values.get("run"), "provenance", {})
    return HTML(banner(provenance.get(FORCED, [])) + str(shown.data))


def _setting(value: object) -> str:
    """Write a parameter's value; a list of names breaks after its commas only."""
    parts = (f'<span class="emo-short">{escape(part)}</span>' for part in repr(value).split(","))
    return f"<code>{',<wbr>'.join(parts)}</code>"


def note(text: str) -> HTML:
    """Show a remark that stands beside the argument."""
    return HTML(f'<aside class="emo emo-note"><p>{escape(text)}</p></aside>')


def footer(provenance: Mapping[str, Any]) -> HTML:
    """Show where a page's numbers came from: the study, the arguments, the code, the machine's versions, the cost."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_provenance_value(name, value)}</td></tr>'
        for name, value in provenance.items()
    )
    return HTML(
        '<details class="emo emo-footer" open><summary>Where these numbers come from</summary>'
        f"<table><tbody>{rows}</tbody></table></details>"
    )


def _provenance_value(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        parts = [f"<span>{escape(str(key))} {_provenance_part(part)}</span>" for key, part in value.items()]
        return f'<span class="emo-parts">{" ".join(parts)}</span>'
    if name == "seconds":
        return f"{number_text(value)} s to compute"
    return f"<code>{escape(str(value))}</code>"


def _provenance_part(part: object) -> str:
    if isinstance(part, Mapping):
        return f"<code>{escape(str(part.get('sha256', '')))[:12]}</code>"
    return f"<code>{escape(str(part))}</code>"
