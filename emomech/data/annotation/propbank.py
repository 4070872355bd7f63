"""Who does what to whom: semantic roles in PropBank's manner, from the columns that Universal Propositions adds.

The eleventh column names the roleset of each predicate, and one column per predicate says which role each word has for
it (Jindal et al., 2022). Roles are written as PropBank's papers write them: A0, A1, AM-TMP, and V for the predicate.
"""

import re
from collections import Counter

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence

PREDICATE = "V"
_OF_ANOTHER = re.compile(r"^[CR]-")
"""What goes on with an argument, or refers back to it, has its role."""


def roles(sentence: Sentence) -> dict[int, str]:
    """Name the role of each word that has one, by its number.

    A word may have roles for several predicates. It then has that for the predicate it depends on; else, for a
    predicate, V; else the role that it has for all of them, and none where they differ. Raises UsageError, with file
    and line, for columns that are not one per predicate.
    """
    predicates = [i for i, word in enumerate(sentence.words) if word.predicate]
    found: dict[int, str] = {}
    for i, word in enumerate(sentence.words):
        if len(word.arguments) not in (0, len(predicates)):
            raise UsageError(
                f"{sentence.where}: has {len(predicates)} predicates, but {word.form!r} has "
                f"{len(word.arguments)} columns of arguments."
            )
        named = {p: role for p, argument in zip(predicates, word.arguments, strict=False) if (role := _role(argument))}
        if role := _chosen(named, word.head):
            found[i] = role
    return found


def _role(argument: str) -> str:
    return re.sub(r"^ARG(?=[\dAM])", "A", _OF_ANOTHER.sub("", argument))


def _chosen(named: dict[int, str], head: int) -> str:
    if head in named:
        return named[head]
    counted = Counter(named.values())
    if PREDICATE in counted:
        return PREDICATE
    return next(iter(counted)) if len(counted) == 1 else ""
