"""Cards of single features, in HTML: what each fires on, what its ablation costs every emotion, and what it writes.

A card has an address on its page, so that a mark in a figure, or another page, can link to it.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from IPython.display import HTML

from emomech.chapters.causal_features.analysis import CAUSAL, CausalFeatures
from emomech.chapters.causal_features.charts import anchor, layer_anchor
from emomech.figures.palette import emotion_colours
from emomech.stats.estimates import Estimate, number_text
from emomech.stats.testing import FALSE_DISCOVERIES

if TYPE_CHECKING:
    import pandas as pd


Row = Mapping[Any, Any]
_NOTHING = '<p class="emo">There is no feature to show.</p>'


def index(result: CausalFeatures) -> HTML:
    """List the features by hook point as links to their cards, each with the emotions that it supports.

    A hook point has an address and its depth as data, so that a layer in a figure of another page can link to it.
    """
    if result.cards.empty:
        return HTML(_NOTHING)
    colours = emotion_colours(result.effects.emotion)
    rows = sorted(result.cards.to_dict("records"), key=lambda row: (row["depth"], row["hook_point"], row["feature"]))
    items = "".join(
        _layer(point, list(features), colours) for point, features in groupby(rows, key=lambda row: row["hook_point"])
    )
    return HTML(f'<nav class="emo emo-card-index" aria-label="Features by hook point"><ul>{items}</ul></nav>')


def _layer(point: str, features: Sequence[Row], colours: Mapping[str, str]) -> str:
    links = " ".join(_link(row, colours) for row in features)
    return (
        f'<li id="{layer_anchor(point)}" data-depth="{features[0]["depth"]!r}" data-features="{len(features)}">'
        f'<span class="emo-card-layer">{escape(point)}</span> <span class="emo-card-links">{links}</span></li>'
    )


def _link(row: Row, colours: Mapping[str, str]) -> str:
    emotions = row["supports"].split(", ")
    return (
        f'<a href="#{anchor(row["hook_point"], row["feature"])}" style="--emo-tone: {colours[emotions[0]]}">'
        f"{row['feature']} <small>{escape(row['supports'])}</small></a>"
    )


def cards(result: CausalFeatures) -> HTML:
    """Show a card for each feature, by the emotion that it supports first."""
    if result.cards.empty:
        return HTML(_NOTHING)
    colours = emotion_colours(result.effects.emotion)
    rows = result.cards.assign(emotion=result.cards.supports.str.split(", ").str[0])
    parts = []
    for emotion, features in rows.groupby("emotion", sort=False):
        shown = "".join(_card(row, result) for row in features.to_dict("records"))
        parts.append(
            f'<section class="emo emo-cards" style="--emo-tone: {colours[str(emotion)]}">'
            f"<h3>{escape(str(emotion))}</h3>{shown}</section>"
        )
    return HTML("".join(parts))


def _card(row: Row, result: CausalFeatures) -> str:
    point, feature = row["hook_point"], row["feature"]
    name = anchor(point, feature)
    facts = {
        "supports": row["supports"],
        "writes": row["writes"] or "no label",
        "raises": ", ".join(row["raises"].split()),
        "lowers": ", ".join(row["lowers"].split()),
        "tells": f"{row['tells']}, AUROC {number_text(row['auroc'])}",
        "fires": f"at {100 * row['fires']:.1f} % of the tokens, at most {number_text(row['peak'])}",
    }
    more = f' <a href="{escape(row["page"])}">on Neuronpedia</a>' if row["page"] else ""
    listing = "".join(f"<dt>{fact}</dt><dd>{escape(text)}</dd>" for fact, text in facts.items())
    return (
        f'<article class="emo-card" id="{name}" aria-labelledby="{name}-name">'
        f'<h4 id="{name}-name">Feature {feature} <small>{escape(point)}</small>{more}</h4>'
        f'<div class="emo-card-body"><div><dl>{listing}</dl>{_effects(_of(result.effects, point, feature))}</div>'
        f"<div>{_texts(_of(result.texts, point, feature))}</div></div></article>"
    )


def _of(table: "pd.DataFrame", point: str, feature: int) -> "pd.DataFrame":
    return table[(table.hook_point == point) & (table.feature == feature)]


def _effects(table: "pd.DataFrame") -> str:
    shown = table[table.condition == CAUSAL]
    most = max(float(shown.loss.abs().max()), 0.1)
    rows = "".join(_effect(row, most) for row in shown.to_dict("records"))
    return f'<table class="emo-effects"><caption>log-odds lost when it is ablated, nats</caption>{rows}</table>'


def _effect(row: Row, most: float) -> str:
    value = Estimate(row["loss"], row["low"], row["high"], row["n"])
    sign = "emo-gain" if row["loss"] < 0 else "emo-loss"
    width = 100 * abs(row["loss"]) / most
    strong = ' class="emo-own"' if row["own"] else ""
    return (
        f'<tr{strong}><th scope="row">{escape(row["emotion"])}</th>'
        f'<td class="emo-bar" aria-hidden="true"><span class="{sign}" style="width: {width:.1f}%"></span></td>'
        f'<td class="emo-number">{escape(number_text(value))}</td></tr>'
    )


def _texts(table: "pd.DataFrame") -> str:
    items = "".join(
        f'<li><span class="emo-card-label">{escape(row["emotion"])}</span> {heat_map(row["prompt"], row["heat"])}</li>'
        for row in table.to_dict("records")
    )
    return f'<p class="emo-card-about">Texts on which it is highest</p><ol class="emo-heat">{items}</ol>'


def heat_map(prompt: str, heat: str) -> str:
    """Mark the tokens at which a feature fires, the stronger the darker; `heat` as in the table `TEXTS`."""
    parts, done = [], 0
    for token in heat.split():
        start, end, value = token.split(":")
        first, after = int(start), int(end)
        if first >= done:
            parts.append(escape(prompt[done:first]))
            parts.append(f'<mark style="--heat: {value}" title="{value}">{escape(prompt[first:after])}</mark>')
            done = after
    return "".join([*parts, escape(prompt[done:])])


def numbers(result: CausalFeatures) -> dict[str, object]:
    """Numbers that the page quotes, by name."""
    untested = result.setting.untested.iloc[0]
    on_own_texts = result.effects[result.effects.own.astype(bool)]
    causal = on_own_texts[on_own_texts.condition == CAUSAL].merge(result.cards[["hook_point", "feature", "writes"]])
    costs = result.effects[(result.effects.q <= FALSE_DISCOVERIES) & (result.effects.loss > 0)]
    costs = costs[costs.condition == CAUSAL].groupby(["hook_point", "feature"]).size()
    return {
        "told": f"These texts cannot be analysed: {untested}." if untested else "",
        "n_features": len(result.cards),
        "n_writing": int((result.cards.writes != "").sum()),
        "cost": float(causal.loss.median()),
        "matched": float(on_own_texts[on_own_texts.condition != CAUSAL].loss.median()),
        "silent": float(causal[causal.writes == ""].loss.median()),
        "n_several": int((costs > 1).sum()),
    }
