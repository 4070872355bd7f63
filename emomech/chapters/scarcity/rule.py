"""The rule for claim C9: an emotion is diffuse because it is rare in training.

Models that differ in how often an emotion is the answer are compared, paired by seed. What changes is the effective
number of features, on a logarithmic scale. The claim has two parts:

- the emotion becomes more diffuse where it is scarce;
- a rival emotion that is made scarce instead becomes more diffuse as well, so that scarcity is the cause, and not
  something about the emotion.

A part holds if the number rises by a tenth, by Student's t over seeds, and if it rises by a tenth more than that of the
other emotions in the same models, as a difference within each pair of models. Without models with a scarce
rival its part is undefined, so it does not hold.

A tenth is the smallest rise that matters: models of different seeds differ by about as much. With three seeds the
interval is wide, and *no power here* is then the outcome that the data allow.
"""

from collections.abc import Iterator

from emomech.chapters.criteria import Criterion, detectable
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.scarcity.analysis import Scarcity
from emomech.chapters.scarcity.seeds import EMOTION, LESS, LOGARITHM, OTHERS, RIVAL, SCARCE, criterion, deciding
from emomech.chapters.stability import draws_of
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate, decimal
from emomech.stats.tables import number

MARGIN = 0.1
"""Smallest rise of the logarithm that matters: about a tenth."""


def _criteria(part: str, who: str) -> Iterator[Criterion]:
    """Criteria of a part of the claim."""
    rise = "rise of the logarithm of the effective number"
    effect = f"Where {who} is scarce, it is spread over more features."
    yield Criterion(criterion(part, SCARCE), effect, rise, part=part, margin=MARGIN)
    beyond, more = f"The features of {who} rise by more than those of the other emotions.", f"{rise}, minus the others'"
    yield Criterion(criterion(part, LESS), beyond, more, part=part, margin=MARGIN, control=OTHERS)


def _read(result: Scarcity) -> Reading:
    """Read the changes where each emotion is scarcest."""
    setting = result.setting.iloc[0]
    emotion, rival = str(setting.emotion), str(setting.rival)
    words = {"emotion": emotion, "Emotion": f"{emotion[:1].upper()}{emotion[1:]}", "rival": rival or "another emotion"}
    if setting.untested:
        return Reading(untested=str(setting.untested), words=words)
    rows = [
        {**row, "difference": Estimate(row["difference"], row["low"], row["high"], int(row["n"]))}
        for row in result.contrasts.to_dict("records")
    ]
    roles = {emotion: EMOTION} | ({rival: RIVAL} if rival else {})
    remark = [] if rival else ["There are no models in which another emotion is scarce."]
    return Reading(deciding(rows, roles), words=words, draws=draws_of(result.stability), remarks=remark)


scarcity = Rule(
    claim="C9",
    statement="{Emotion} is diffuse because it is rare in training.",
    criteria=(*_criteria(EMOTION, "{emotion}"), *_criteria(RIVAL, "{rival}")),
    read=_read,
    columns=("who",),
    own=frozenset({SCARCE, LESS}),
)


def measured(result: Scarcity) -> str:
    """Sentences on how many models are measured and how many are missing."""
    missing = result.models[result.models.untested != ""]
    n = len(result.models) - len(missing)
    absent = f" {len(missing)} are not measured; the table gives the reason." if len(missing) else ""
    return f"{n} of {len(result.models)} models are measured.{absent}"


def smallest(result: Scarcity) -> str:
    """Say how large a rise the seeds could have shown, as a rise of the logarithm."""
    setting = result.setting.iloc[0]
    rows = result.contrasts[result.contrasts.emotion == setting.emotion]
    try:
        keys = {"emotion": setting.emotion, "share": rows.share.min(), "who": SCARCE, "measure": LOGARITHM}
        least = detectable(number(rows, "difference", **keys))
    except EmomechError:
        return "undefined"
    return decimal(least)
