"""What befalls a person, as latent appraisals, and the emotion that follows from them.

The latents are those of appraisal theory (Scherer, 2009; Ortony, Clore and Collins, 1988). The rule, in this order:

    denied            it did not happen                             calm
    desirability      sign of the verb × sign of the thing,         good, even if only hoped for: joy
                      bad too where something foul, or another's    bad and uncertain: fear
                      mouth, touches body or food                   bad by contamination: disgust
                                                                    bad, and a person did it: anger
                                                                    bad, and nobody meant it: sadness
    expectedness      neither good nor bad, but unforeseen          surprise
    otherwise                                                       calm

Valence and arousal are where the circumplex (Russell, 1980) has the emotion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from emomech.data.grammar.lexicon import Verb

Frame = Literal["deed", "give", "take", "contact", "mouth"]
Mood = Literal["fact", "prospect", "denied"]
Voice = Literal["active", "passive"]
VALENCE: Mapping[str, str] = {
    "joy": "pleasant",
    "surprise": "neutral",
    "calm": "neutral",
    **dict.fromkeys(("sadness", "anger", "fear", "disgust"), "unpleasant"),
}
AROUSAL: Mapping[str, str] = {
    **dict.fromkeys(("joy", "anger", "fear", "disgust", "surprise"), "high"),
    **dict.fromkeys(("sadness", "calm"), "low"),
}


@dataclass(frozen=True)
class Event:
    """What befalls a person, as latents and as words."""

    person: str
    frame: Frame
    verb: Verb
    verb_sign: int
    """+1 helps or gives, −1 harms or takes, 0 neither."""
    thing: str
    thing_sign: int
    """+1 prized, −1 hated, 0 neither."""
    agent: str
    meant: bool
    """Whether the agent is a person."""
    mood: Mood = "fact"
    voice: Voice = "active"
    sudden: bool = False
    aside: str = ""
    """An adverbial that says how expected it was; empty where nothing does."""
    said: str = ""
    """The words before the verb that say how uncertain or untrue it is; empty for a fact."""
    site: str = ""
    contaminates: bool = False
    teller: str = ""
    """Who tells it in a dialogue, and to whom; empty in the other styles."""
    listener: str = ""
    clitic: bool = False
    """Whether possession is "Anna's", else "of Anna"."""
    pronoun: bool = False
    """Whether the person is meant by a pronoun; the text has named them before."""

    @property
    def desirability(self) -> int:
        """+1 good for the person, −1 bad, 0 neither; of the event as told, happened or not."""
        return -1 if self.contaminates else self.verb_sign * self.thing_sign

    @property
    def emotion(self) -> str:
        """What the person feels, by the rule of this module."""
        if self.mood == "denied":
            return "calm"
        if self.desirability > 0:
            return "joy"
        if self.desirability < 0 and self.mood == "prospect":
            return "fear"
        if self.desirability < 0:
            return "disgust" if self.contaminates else "anger" if self.meant else "sadness"
        return "surprise" if self.sudden else "calm"

    @property
    def appraisals(self) -> Mapping[str, str]:
        """Every latent by name, and what follows from them; values are words."""
        return {
            "verb_sign": _sign(self.verb_sign, "helps", "harms"),
            "thing_sign": _sign(self.thing_sign, "prized", "hated"),
            "desirability": _sign(self.desirability, "good", "bad"),
            "certainty": self.mood,
            "agency": "person" if self.meant else "nature",
            "expectedness": "sudden" if self.sudden else "usual" if self.aside else "unsaid",
            "contamination": "contaminated" if self.contaminates else "clean",
            "emotion": self.emotion,
            "valence": VALENCE[self.emotion],
            "arousal": AROUSAL[self.emotion],
        }


def _sign(value: int, above: str, below: str) -> str:
    return above if value > 0 else below if value < 0 else "neither"
