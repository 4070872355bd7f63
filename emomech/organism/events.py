"""What befalls a person, as latent appraisals, and the emotion that follows from them.

The latents are those of appraisal theory (Scherer, 2009; Ortony, Clore and Collins, 1988). The rule, in this order:

    denied            it did not happen                             calm
    desirability      sign of the verb × sign of the thing,         good, even if only hoped for: joy
                      bad too where something foul touches body     bad and uncertain: fear
                      or food                                       bad by contamination: disgust
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
