"""The rule for claim C9: an emotion is diffuse because it is rare in training."""

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.scarcity.analysis import LESS, OTHERS, SCARCE, Scarcity
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number


def scarcity(result: Scarcity) -> Verdict:
    """Decide claim C9 from the change of the effective number of features between models.

    The change is the number where an emotion is most scarce minus the number where it is frequent. The claim holds for
    its emotion if this change is positive, by a 95 % interval over seeds and texts. It holds for scarcity in general if
    a rival emotion that is made scarce instead has a positive change that is also larger than that of the other
    emotions in the same models, by a 95 % interval.

    Replicates if both hold. Partly if one holds. Does not replicate otherwise. Cannot be tested without at least two
    models each in which the emotion is scarce and frequent. At most partly without models with a rival emotion.
    """
    setting = result.setting.iloc[0]
    emotion, rival = str(setting.emotion), str(setting.rival)
    statement = f"{emotion[:1].upper()}{emotion[1:]} is diffuse because it is rare in training."
    if setting.untested:
        reason = str(setting.untested)
        return Verdict("C9", statement, "cannot be tested here", f"{reason[:1].upper()}{reason[1:]}", "", "")
    change, others = (_change(result, emotion, who) for who in (SCARCE, OTHERS))
    for_emotion = change.low > 0
    reasons = [_in_words(emotion, change)]
    control = f"the other emotions in the same models: {others}"
    for_rival = False
    if (result.contrasts.emotion == rival).any():
        of_rival, beyond = (_change(result, rival, who) for who in (SCARCE, LESS))
        for_rival = of_rival.value > 0 and beyond.low > 0
        reasons.append(_in_words(rival, of_rival))
        larger = "larger" if beyond.low > 0 else "not larger"
        reasons.append(f"This change is {larger} than that of the emotions that are not scarce.")
        control += f"; {rival} made scarce instead: {of_rival}; this minus the change of the other emotions: {beyond}"
    else:
        reasons.append(
            "There are no models in which another emotion is scarce, so the cause may be the emotion itself."
        )
    return Verdict(
        claim="C9",
        statement=statement,
        outcome=("does not replicate", "partly", "replicates")[for_emotion + for_rival],
        reason=" ".join([*reasons, "Each interval comes from few seeds."]),
        estimate=f"effective number of features of {emotion}, scarce minus frequent: {change}",
        control=control,
    )


def _change(result: Scarcity, emotion: str, who: str) -> Estimate:
    """Change of the effective number of features where the emotion is most scarce."""
    rows = result.contrasts
    share = float(rows[rows.emotion == emotion].share.min())
    return number(rows, "difference", emotion=emotion, share=share, who=who, measure=EFFECTIVE)


def _in_words(emotion: str, change: Estimate) -> str:
    number_of = "more" if change.low > 0 else "fewer" if change.high < 0 else "neither more nor fewer"
    return f"If {emotion} is scarce, it is spread over {number_of} features than if it is frequent."


def measured(result: Scarcity) -> str:
    """Sentences on how many models are measured and how many are missing."""
    missing = result.models[result.models.untested != ""]
    n = len(result.models) - len(missing)
    absent = f" {len(missing)} are not measured; the table gives the reason." if len(missing) else ""
    return f"{n} of {len(result.models)} models are measured.{absent}"
