"""What a tokenizer puts around a text, and which of its tokens are markers rather than content.

Models are trained on texts with the tokens that their tokenizer puts first: a BOS, or several tokens such as GLM's
`[gMASK]<sop>`, whatever the tokenizer's configuration names them. Without them the model answers differently.

Example:
    >>> from emomech.core.paths import PACKAGE
    >>> from emomech.models.tokenizers import own_prefix
    >>> from transformers import AutoTokenizer
    >>> tokenizer = AutoTokenizer.from_pretrained(PACKAGE / "organism" / "weights" / "default" / "model")
    >>> own_prefix("organism", tokenizer) == (tokenizer.bos_token_id,)
    True
"""

from typing import TYPE_CHECKING, Any, cast

from emomech.core.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_PROBE = "a"
_OPENING, _CLOSING = "<[{|＜", ">]}|＞"
"""First and last characters of a marker, such as <s>, [CLS] or <|endoftext|>."""


def own_prefix(name: str, tokenizer: "PreTrainedTokenizerFast") -> tuple[int, ...]:
    """Give the tokens that a tokenizer puts before every text by itself; empty if it puts none.

    Raises UsageError, with the name of the model, for a tokenizer that puts a token after every text: what the model
    predicts there follows the end of the text, and not the question.
    """
    encode: Any = tokenizer
    plain: list[int] = encode(_PROBE, add_special_tokens=False)["input_ids"]
    whole: list[int] = encode(_PROBE)["input_ids"]
    start = next((i for i in range(len(whole)) if whole[i : i + len(plain)] == plain), 0)
    if after := whole[start + len(plain) :]:
        marks = ", ".join(map(repr, tokenizer.convert_ids_to_tokens(after)))
        raise UsageError(
            f"model {name!r}: its tokenizer puts {marks} after every text, so the model cannot continue a question. "
            "Remove it from the post_processor in tokenizer.json, or set add_eos_token to false in "
            "tokenizer_config.json."
        )
    return tuple(whole[:start])


def prefix_of(
    name: str, tokenizer: "PreTrainedTokenizerFast", prepend_bos: bool | None, leading: str = ""
) -> tuple[int, ...]:
    """Give the tokens that every text starts with; `prepend_bos` None: those that the tokenizer puts first itself.

    True adds a BOS where the tokenizer puts none; False leaves all of them out. `leading` names a token that takes
    their place, whatever `prepend_bos` says. Raises UsageError for a BOS or a leading token that the tokenizer does not
    have, and as `own_prefix` does.
    """
    if leading:
        return (_numbered(name, tokenizer, leading),)
    own, bos = own_prefix(name, tokenizer), cast(int | None, tokenizer.bos_token_id)
    if prepend_bos is None or (prepend_bos and bos is not None and bos in own):
        return own
    if not prepend_bos:
        return ()
    if bos is None:
        raise UsageError(
            f"model {name!r}: prepend_bos is set, but its tokenizer has no BOS token. Set prepend_bos to false."
        )
    return (bos,)


def _numbered(name: str, tokenizer: "PreTrainedTokenizerFast", token: str) -> int:
    """Give the number of a token. Raises UsageError for one that the vocabulary does not have."""
    if (number := tokenizer.get_vocab().get(token)) is None:
        known = ", ".join(sorted(map(str, tokenizer.all_special_tokens))) or "none"
        raise UsageError(
            f"model {name!r}: its tokenizer has no token {token!r} to start texts with; special tokens are: {known}."
        )
    return number


def markers(tokenizer: "PreTrainedTokenizerFast") -> set[int]:
    """Give the tokens that are no content wherever they are in a text.

    A tokenizer may name an ordinary token as one of its special tokens, such as `!` to fill rows; in a text, it is
    content. So is a token for unknown words, unless it is the BOS or the EOS as well, as in GPT-2.
    """
    known: Any = tokenizer
    named = {token for token, added in known.added_tokens_decoder.items() if added.special} | {*known.all_special_ids}
    content = {known.unk_token_id} - {known.bos_token_id, known.eos_token_id}
    return {token for token in named - content if _looks_like_a_marker(known.convert_ids_to_tokens(token))}


def _looks_like_a_marker(token: str) -> bool:
    return len(token) > 2 and token[0] in _OPENING and token[-1] in _CLOSING
