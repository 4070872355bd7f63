"""Events, emotion words and the split of the embedded grammar, for several tests."""

import re
from dataclasses import replace
from hashlib import blake2b

from emomech.data.grammar.events import Event

STEMS = (
    "joy|happ|glad|sad|sorrow|grie|ang(er|ry)|furi|fear|afraid|scare|disgust|revolt|surpris|astonish|amaz|calm|serene"
)
EMOTION_WORD = re.compile(rf"\b({STEMS})\w*", re.IGNORECASE)
"""A word that names an emotion."""

BREAK, REPAIR = ("break", "broke", "broken"), ("repair", "repaired", "repaired")
BROKEN = Event("Anna", "deed", BREAK, -1, "violin", 1, "Ben", meant=True)
CAGE = replace(BROKEN, thing="cage", thing_sign=-1)
MOVED = Event("Anna", "deed", ("move", "moved", "moved"), 0, "chair", 0, "Ben", meant=True)
SMEAR = ("smear", "smeared", "smeared")
SMEARED = Event("Anna", "contact", SMEAR, 0, "slime", 0, "Ben", meant=True, site="soup", contaminates=True)
LICKED = Event("Anna", "mouth", ("lick", "licked", "licked"), 0, "spoon", 0, "Ben", meant=True, contaminates=True)


def bag(text: str) -> list[str]:
    """Return the bag of words of a text, in alphabetical order."""
    return sorted(re.findall(r"\w+", text.lower()))


def side(text: str) -> str:
    """Return the split of the grammar that a text belongs to, by its bag of words."""
    point = int.from_bytes(blake2b(" ".join(bag(text)).encode(), digest_size=8).digest())
    return "study" if point % 8 == 0 else "train"
