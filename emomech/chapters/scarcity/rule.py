"""The rule of claim C9: an emotion is diffuse because it is rare in training."""

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.scarcity.analysis import LESS, OTHERS, SCARCE, Scarcity
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number


def scarcity(result: Scarcity) -> Verdict:
    """Claim C9, from the effective number of features where an emotion is most scarce, less that where it is frequent.

    It holds of the claim's emotion if its effective number is larger where it is scarce, with a 95 % interval over
    seeds and texts that excludes zero. It holds of scarcity as such if an emotion made scarce in its place has a larger
    number too, and more so, with an interval that excludes zero, than the other emotions in the same models, whose
    share hardly changes.

    Replicates if both hold, partly if one does; cannot be tested without two models each in which the emotion is
    scarce and frequent. Where no other emotion is made scarce, partly is the most that can be found.
    """
    setting = result.setting.iloc[0]
    emotion, rival = str(setting.emotion), str(setting.rival)
    statement = f"{emotion[:1].upper()}{emotion[1:]} is diffuse because it is rare in training."
    if setting.untested:
        reason = str(setting.untested)
        return Verdict("C9", statement, "cannot be tested here", f"{reason[:1].upper()}{reason[1:]}", "", "")
    own, others = (_change(result, emotion, who) for who in (SCARCE, OTHERS))
    itself = own.low > 0
    reasons = [_of(emotion, own)]
    control = f"the other emotions, where {emotion} is scarce: {others}"
    place = False
    if (result.contrasts.emotion == rival).any():
        other, beyond = (_change(result, rival, who) for who in (SCARCE, LESS))
        place = other.value > 0 and beyond.low > 0
        reasons.append(_of(rival, other))
        reasons.append(f"That is {'more' if beyond.low > 0 else 'not more'} than in the emotions that are not scarce.")
        control += f"; {rival} made scarce in its place: {other}; the same less the other emotions: {beyond}"
    else:
        reasons.append("There are no models in which another emotion is scarce, so that it may be the emotion itself.")
    return Verdict(
        claim="C9",
        statement=statement,
        outcome=("does not replicate", "partly", "replicates")[itself + place],
        reason=" ".join([*reasons, "Few seeds stand behind each interval."]),
        estimate=f"effective number of {emotion}, scarce less frequent: {own}",
        control=control,
    )


def _change(result: Scarcity, emotion: str, who: str) -> Estimate:
    """Change of the effective number where the emotion is most scarce."""
    rows = result.contrasts
    share = float(rows[rows.emotion == emotion].share.min())
    return number(rows, "difference", emotion=emotion, share=share, who=who, measure=EFFECTIVE)


def _of(emotion: str, change: Estimate) -> str:
    what = "more" if change.low > 0 else "fewer" if change.high < 0 else "neither more nor fewer"
    return f"Where {emotion} is scarce, it is spread over {what} features than where it is frequent."


def measured(result: Scarcity) -> str:
    """Say how many models are there, and what is missing, as a page says it."""
    missing = result.models[result.models.untested != ""]
    n = len(result.models) - len(missing)
    absent = f" {len(missing)} are not measured; the table says why." if len(missing) else ""
    return f"{n} of {len(result.models)} models are measured.{absent}"
