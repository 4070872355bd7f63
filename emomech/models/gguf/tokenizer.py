"""Make the tokenizer of a GGUF file, and compare it with the file's own tokens.

transformers builds it from the file. Three things are set here: the split into pieces where transformers takes that of
GPT-2 for another one, whole pieces in Llama 3, and a BOS if and only if the file asks for one. Then ten texts are
encoded twice, by the tokenizer as it is read back from the folder, and by `reference`, which uses the file alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core.errors import UsageError
from emomech.models.gguf.header import Header
from emomech.models.gguf.reference import LLAMA3, PATTERNS, Reference
from emomech.models.reading_check import TEXTS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHOWN = 8
"""Tokens of each text that the table shows; all are compared."""
_SINGLE_DIGITS = ("smollm", "starcoder")
_NAMES = ("bos", "eos", "unknown", "padding")
_ARGUMENTS = {"bos": "bos_token", "eos": "eos_token", "unknown": "unk_token", "padding": "pad_token"}


def puts_bos(header: Header) -> bool:
    """Whether every text starts with a BOS: as the file says, or by its kind of tokenizer where it says nothing."""
    stated = header.of_tokenizer("add_bos_token")
    if stated is None:
        return header.of_tokenizer("model") == "llama" or header.of_tokenizer("pre") in LLAMA3
    return bool(stated) and header.of_tokenizer("bos_token_id") is not None


def unknown_split(header: Header) -> str:
    """Name the pre-tokenizer of a file if its split is not known here; empty if it is, or if there is none."""
    name = str(header.of_tokenizer("pre") or "not named")
    return "" if header.of_tokenizer("model") == "llama" or name in PATTERNS else name


def make_tokenizer(name: str, header: Header) -> "PreTrainedTokenizerFast":
    """Make the tokenizer of a file. Raises UsageError if transformers cannot build it."""
    from tokenizers import pre_tokenizers, processors
    from tokenizers.pre_tokenizers import Metaspace
    from transformers import PreTrainedTokenizerFast
    from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer, get_gguf_tokenizer

    try:
        architecture, state, _ = get_gguf_tokenizer(str(header.path))
        backend: Any = convert_gguf_tokenizer(architecture, state)[0]
    except Exception as error:  # the library raises whatever the entries of the file lead to
        raise UsageError(
            f"model {name!r}: {header.path} has a tokenizer that transformers cannot build ({error}). Give the model's "
            "Hugging Face folder."
        ) from error
    pre = header.of_tokenizer("pre")
    if header.of_tokenizer("model") == "gpt2":
        if pre in _SINGLE_DIGITS:
            steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
            backend.pre_tokenizer = pre_tokenizers.Sequence(steps)
        backend.model.ignore_merges = pre in LLAMA3
    elif header.of_tokenizer("add_space_prefix") is False and isinstance(backend.pre_tokenizer, Metaspace):
        backend.pre_tokenizer = Metaspace(prepend_scheme="never", split=False)
    special = {_ARGUMENTS[key]: token for key, token in _special(header)}
    single = "$A"
    if puts_bos(header):
        single = f"{special['bos_token']} $A"
    bos = [(special["bos_token"], int(header.of_tokenizer("bos_token_id")))] if single != "$A" else []
    backend.post_processor = processors.TemplateProcessing(single=single, special_tokens=bos)
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=backend, clean_up_tokenization_spaces=False, model_max_length=_context(header), **special
    )
    tokenizer.chat_template = header.values.get("tokenizer.chat_template")
    return tokenizer


def compare(name: str, header: Header, folder: Path) -> list[dict[str, Any]]:
    """Encode ten texts with the tokenizer in a folder and with the file's own data.

    Returns a row for each text: `text`, and the first ids by `file` and by `here`, with the BOS. Raises UsageError for
    a text whose ids differ.
    """
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    split = _split_of(tokenizer) if unknown_split(header) else None
    reference = Reference(header, split)
    start = [int(header.of_tokenizer("bos_token_id"))] if puts_bos(header) else []
    rows = []
    for text in TEXTS:
        expected, found = [*start, *reference.encode(text)], tokenizer(text)["input_ids"]
        if expected != found:
            raise UsageError(
                f"model {name!r}: {header.path} reads {text!r} as {_first(expected)} by its own tokens, and the "
                f"converted tokenizer as {_first(found)}. Give the model's Hugging Face folder instead."
            )
        rows.append({"text": text, "file": expected[:SHOWN], "here": found[:SHOWN]})
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Write the comparison as rows of a text and its first ids, by the file and by the converted tokenizer.

    Example:
        >>> from emomech.models.gguf.tokenizer import table
        >>> table([{"text": "No.", "file": [3128, 30], "here": [3128, 30]}])
        [("'No.'", 'file 3128 30; here 3128 30')]
    """
    return [
        (repr(row["text"]), "; ".join(f"{by} {' '.join(map(str, row[by]))}" for by in ("file", "here"))) for row in rows
    ]


def _special(header: Header) -> Iterator[tuple[str, str]]:
    """Yield the role and the text of each special token that the file names."""
    tokens = header.of_tokenizer("tokens")
    for role in _NAMES:
        number = header.of_tokenizer(f"{role}_token_id")
        if number is not None and number < len(tokens):
            yield role, tokens[number]


def _context(header: Header) -> int:
    return int(header.of_model("context_length"))


def _split_of(tokenizer: Any) -> Any:
    """The split of a converted tokenizer, in plain text instead of its letters for bytes."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte_of = {letter: byte for byte, letter in bytes_to_unicode().items()}
    split = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str
    return lambda text: [bytes(byte_of[letter] for letter in piece).decode() for piece, _ in split(text)]


def _first(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids[:SHOWN])) + (" …" if len(ids) > SHOWN else "")
