"""An event that happens to a person, as latent appraisals, and the emotion that follows from them.

The latents are those of appraisal theory (Scherer, 2009; Ortony, Clore and Collins, 1988). The first rule that applies
decides:

    denied            it did not happen                             calm
    desirability      sign of the verb × sign of the thing;         good, even if only hoped for: joy
                      also bad if something foul, or another's      bad and uncertain: fear
                      mouth, touches body or food                   bad by contamination: disgust
                                                                    bad, and a person did it: anger
                                                                    bad, and nobody meant it: sadness
    expectedness      neither good nor bad, but unforeseen          surprise
    otherwise                                                       calm

Valence and arousal follow from the emotion's place in the circumplex (Russell, 1980).
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
    """An event that happens to a person: its latents, and the words that tell it."""

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
    """An adverbial that says how expected the event was; empty if the text does not say."""
    said: str = ""
    """The words before the verb that mark a prospect or a denial; empty for a fact."""
    site: str = ""
    contaminates: bool = False
    teller: str = ""
    """Who tells the event in a dialogue; empty in the other styles."""
    listener: str = ""
    """Whom the teller addresses; empty in the other styles."""
    clitic: bool = False
    """Whether possession is written "Anna's"; otherwise "of Anna"."""
    pronoun: bool = False
    """Whether a pronoun stands for the person, whom the text has named before."""

    @property
    def desirability(self) -> int:
        """+1 good for the person, −1 bad, 0 neither, whether the event happened or not."""
        return -1 if self.contaminates else self.verb_sign * self.thing_sign

    @property
    def emotion(self) -> str:
        """The person's emotion, by the rule in the module docstring."""
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
        """Every latent, and what follows from them, by name; values are words."""
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
