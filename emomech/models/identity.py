"""Hash a model and texts, so that results computed from them are recognised.

Example:
    >>> from emomech.models.identity import TextsHash
    >>> texts = TextsHash()
    >>> texts.add("Anna lost the ring.")
    >>> texts.hexdigest()[:8], len(texts.hexdigest())
    ('e5c3e5e4', 32)
"""

from hashlib import blake2b

from emomech.models.language_model import LanguageModel

_BYTES = 16
_SAMPLED = 64
"""Numbers of each weight of a model that are hashed; a model that was trained further differs in all weights."""


def model_hash(lm: LanguageModel) -> str:
    """Hash a model: its weights, their number format, and the tokens that every text starts with (32 hex digits)."""
    digest = blake2b(repr(lm.prefix).encode(), digest_size=_BYTES)
    for name, weight in lm.module.named_parameters():
        numbers = weight.detach().reshape(-1)
        sample = numbers[:: max(1, len(numbers) // _SAMPLED)].float().cpu()
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode() + sample.numpy().tobytes())
    return digest.hexdigest()


class TextsHash:
    """Hash of texts, in their order, that are added one by one."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=_BYTES)

    def add(self, text: str) -> None:
        """Add the next text."""
        content = text.encode("utf-8", "surrogatepass")
        self._digest.update(len(content).to_bytes(8, "big") + content)

    def hexdigest(self) -> str:
        """Return the hash of the texts so far (32 hex digits)."""
        return self._digest.hexdigest()
