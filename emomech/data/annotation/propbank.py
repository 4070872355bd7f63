"""Semantic roles as PropBank annotates them, from the columns that Universal Propositions adds to CoNLL-U.

The eleventh column names the roleset of each predicate, and one further column per predicate holds the role of each
word for it (Jindal et al., 2022). Roles are written as in PropBank's papers: A0, A1, AM-TMP, and V for the predicate.
"""

import re

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence

PREDICATE = "V"
_CONTINUED = re.compile(r"^[CR]-")
"""Prefix of words that continue an argument or refer back to it; they have its role."""


def roles(sentence: Sentence) -> dict[int, str]:
    """Return the role of each word that has one, by the word's number.

    If a word has roles for several predicates, the role for the predicate that it depends on counts; otherwise V if it
    is a predicate; otherwise the role that all predicates agree on, or none. Raises UsageError, with file and line, if
    there is not one column per predicate.
    """
    predicates = [i for i, word in enumerate(sentence.words) if word.predicate]
    role_of: dict[int, str] = {}
    for i, word in enumerate(sentence.words):
        if len(word.arguments) not in (0, len(predicates)):
            raise UsageError(
                f"{sentence.where}: has {len(predicates)} predicates, but {word.form!r} has "
                f"{len(word.arguments)} columns of arguments."
            )
        role_for = {
            p: role for p, argument in zip(predicates, word.arguments, strict=False) if (role := _role(argument))
        }
        if role := _chosen(role_for, word.head):
            role_of[i] = role
    return role_of


def _role(argument: str) -> str:
    return re.sub(r"^ARG(?=[\dAM])", "A", _CONTINUED.sub("", argument))


def _chosen(role_for: dict[int, str], head: int) -> str:
    """Choose one of a word's roles, which are given by predicate."""
    if head in role_for:
        return role_for[head]
    different = set(role_for.values())
    if PREDICATE in different:
        return PREDICATE
    return different.pop() if len(different) == 1 else ""
