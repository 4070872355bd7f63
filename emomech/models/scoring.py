"""Score labels by the log-probability of the whole label string as the continuation of a prompt.

Recognition is a choice among the labels of a closed set, so scores are compared only within a prompt. A label may have
several tokens. The prompt's tokens must not change when a label follows, because a byte-pair merge across the boundary
would score a different text; this is checked for every prompt and label.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, batches, tokenize

Floats = NDArray[np.floating]


@torch.inference_mode()
def label_log_probs(lm: LanguageModel, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
    """Compute log P(answer | prompt) in nats, summed over the answer's tokens (example, label).

    Raises UsageError for an answer that the tokenizer cannot write, and for one that merges with the prompt's tokens.
    """
    questions = tokenize(lm, prompts)
    scores = np.empty((len(prompts), len(answers)))
    single: dict[int, list[int]] = {}
    for label, answer in enumerate(answers):
        whole = tokenize(lm, [prompt + answer for prompt in prompts])
        tails = [_tail(lm, q, w, answer) for q, w in zip(questions, whole, strict=True)]
        if all(len(tail) == 1 for tail in tails):
            single[label] = [tail[0] for tail in tails]
        else:
            scores[:, label] = _string_log_probs(lm, whole, tails)
    if single:
        columns = list(single)
        token_ids = torch.tensor([single[label] for label in columns], device=lm.device).T
        for rows, logp in _last_log_probs(lm, questions, keep=1):
            index = torch.tensor(rows, device=lm.device)
            scores[np.ix_(rows, columns)] = logp[:, -1].gather(-1, token_ids[index]).cpu().numpy()
    return scores


def label_tokens(lm: LanguageModel, prompts: Sequence[str], answers: Sequence[str]) -> NDArray[np.int64]:
    """Return the first token of each answer after each prompt (example, label).

    Raises UsageError as `label_log_probs` does, and for two answers that begin with the same token.
    """
    questions = tokenize(lm, prompts)
    tokens = np.empty((len(prompts), len(answers)), dtype=np.int64)
    for label, answer in enumerate(answers):
        whole = tokenize(lm, [prompt + answer for prompt in prompts])
        tokens[:, label] = [_tail(lm, q, w, answer)[0] for q, w in zip(questions, whole, strict=True)]
    first: dict[int, str] = {}
    for token, answer in zip(tokens[0].tolist() if len(tokens) else [], answers):
        if token in first:
            shared = lm.tokenizer.convert_ids_to_tokens(token)
            raise UsageError(
                f"labels {first[token]!r} and {answer!r}: {lm.name} begins both with the token {shared!r}, so "
                "one token cannot score both. Name words that begin differently."
            )
        first[token] = answer
    return tokens


def label_probabilities(log_probs: Floats) -> Floats:
    """Normalise log-probabilities to probabilities within the label set (example, label)."""
    shifted = np.exp(log_probs - log_probs.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def _tail(lm: LanguageModel, question: TokenizedText, whole: TokenizedText, answer: str) -> tuple[int, ...]:
    """Return the tokens that the answer adds to the question."""
    n = len(question.ids)
    tail = whole.ids[n:]
    if whole.ids[:n] != question.ids or not tail:
        ends = lm.tokenizer.convert_ids_to_tokens(list(question.ids[-3:]))
        raise UsageError(
            f"label {answer!r}: its tokens run into the prompt's, which ends in {ends}. "
            "Let the prompt end in a word and the answer begin with a space."
        )
    if lm.tokenizer.unk_token_id is not None and lm.tokenizer.unk_token_id in tail:
        raise UsageError(f"label {answer!r}: the tokenizer of {lm.name} cannot write it; take another word for it.")
    return tail


def _string_log_probs(lm: LanguageModel, whole: Sequence[TokenizedText], tails: Sequence[tuple[int, ...]]) -> Floats:
    """Sum the log-probabilities of each text's last tokens, given in `tails` (example)."""
    longest = max(map(len, tails))
    scores = np.empty(len(whole))
    for rows, logp in _last_log_probs(lm, whole, keep=longest + 1):
        for row, text in enumerate(rows):
            tail = torch.tensor(tails[text], device=lm.device)
            predicted = logp[row, -len(tail) - 1 : -1]
            scores[text] = predicted.gather(-1, tail[:, None]).sum().item()
    return scores


def _last_log_probs(lm: LanguageModel, texts: Sequence[TokenizedText], keep: int):  # noqa: ANN202
    """Yield (example numbers, log-probabilities over the vocabulary at the last `keep` positions)."""
    for batch in batches(texts, pad_id=lm.pad_id, padding_side="left", device=lm.device):
        logits: Tensor = lm.module(**batch.forward_kwargs(), logits_to_keep=keep).logits
        yield list(batch.example), logits[:, -keep:].float().log_softmax(-1)
