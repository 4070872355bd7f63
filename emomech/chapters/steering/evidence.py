"""Rows of the tables that the rule of steering reads, from right answers and log-odds of the reported texts.

The simulation of the rule makes its tables with these functions too.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from emomech.causal.steering.dose_response import DoseResponse
from emomech.causal.steering.experiment import FEATURES
from emomech.chapters.stability import stability_rows
from emomech.stats.estimates import Bools, Floats, Ints
from emomech.stats.paired_answers import Answers, balanced_rises, rise, share_beyond_half
from emomech.stats.tables import Row

NONE = "no steering"
FLIPS, RISING = "changed texts that become right", "texts that rise with the dose"


def leads(gold: Ints, right: Mapping[str, Answers], weights: Floats, seed: int) -> Iterator[Row]:
    """Compare the features on all draws of the labelled texts with every other method.

    `right` says which texts each method gets right (draw, text); a method that is not repeated has one row.
    """
    for versus, other in right.items():
        if versus != FEATURES:
            lead = rise(gold, right[FEATURES], other, weights, seed)
            yield {"versus": versus, "lead": lead, "draws": max(len(right[FEATURES]), len(other)), "n": lead.n}


def leads_by_draw(gold: Ints, right: Mapping[str, Answers]) -> Iterator[Row]:
    """The same leads on each draw of the labelled texts."""
    own = right[FEATURES]
    others = {versus: other for versus, other in right.items() if versus != FEATURES}
    return stability_rows({versus: balanced_rises(gold, own, other)[0].tolist() for versus, other in others.items()})


def shares(before: Bools, after: Bools, response: DoseResponse) -> Iterator[Row]:
    """Exact shares: of the changed texts, those that become right; of all, those that rise with the dose."""
    put_right, put_wrong = int((after & ~before).sum()), int((before & ~after).sum())
    for quantity, share in (
        (FLIPS, share_beyond_half(put_right, put_right + put_wrong)),
        (RISING, response.steerable()),
    ):
        yield {"quantity": quantity, "share": share, "n": share.n}


def trends(response: DoseResponse) -> Iterator[Row]:
    """Slope of the log-odds on each side of no steering."""
    for side, trend in response.trends().items():
        yield {"side": side, "trend": trend, "n": trend.n}


def responses(response: DoseResponse) -> Iterator[Row]:
    """Mean rise of the log-odds, and of accuracy, at each dose."""
    base = response.right[response.doses.index(0.0)]
    for (dose, rises), right in zip(response.rises().items(), response.right, strict=True):
        gain = float(right.mean() - base.mean())
        yield {"dose": dose, "log_odds": rises, "gain": gain, "n": rises.n}


def steerability(response: DoseResponse, before: Bools) -> Iterator[Row]:
    """Slope of every text, and whether it is right without steering."""
    for text, (slope, right) in enumerate(zip(np.round(response.slopes(), 6), before, strict=True)):
        yield {"text": text, "slope": float(slope), "right": "right before" if right else "wrong before"}
