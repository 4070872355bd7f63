"""What befalls a person, as latent appraisals, and the emotion that follows from them.

The latents are those of appraisal theory (Scherer, 2009; Ortony, Clore and Collins, 1988). The rule, in this order:

    denied            it did not happen                             calm
    contaminated      something foul touches body or food           disgust
    desirability      sign of the verb × sign of the thing          good: joy
                                                                    bad and uncertain: fear
                                                                    bad, and a person did it: anger
                                                                    bad, and nobody meant it: sadness
    expectedness      neither good nor bad, but unforeseen          surprise
    otherwise                                                       calm
"""

from dataclasses import dataclass
from typing import Literal

from emomech.organism.lexicon import Verb

Frame = Literal["deed", "give", "take", "contact"]
Mood = Literal["fact", "prospect", "denied"]
Voice = Literal["active", "passive"]


@dataclass(frozen=True)
class Event:
    """What befalls a person, as latents and as words."""

    person: str
    frame: Frame
    verb: Verb
    verb_sign: int
    thing: str
    thing_sign: int
    agent: str
    meant: bool
    """Whether the agent is a person."""
    mood: Mood = "fact"
    voice: Voice = "active"
    sudden: bool = False
    aside: str = ""
    """An adverbial that says how expected it was; empty where nothing does."""
    modal: str = ""
    """How uncertain or denied it is said to be."""
    site: str = ""
    contaminates: bool = False

    @property
    def desirability(self) -> int:
        """+1 good for the person, −1 bad, 0 neither."""
        return self.verb_sign * self.thing_sign

    @property
    def emotion(self) -> str:
        """What the person feels, by the rule of this module."""
        if self.mood == "denied":
            return "calm"
        if self.contaminates:
            return "disgust"
        if self.desirability > 0:
            return "joy"
        if self.desirability < 0:
            return "fear" if self.mood == "prospect" else "anger" if self.meant else "sadness"
        return "surprise" if self.sudden else "calm"
