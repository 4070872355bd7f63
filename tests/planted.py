"""A causal language model and SAEs whose features are known because they are written into the weights, and texts.

Four fair coins decide a text: whether the person is subject or object, the voice, what the verb does, and who does it.
Agent or patient is the parity of role and voice, and the emotion is one of four by two further parities. So any two
label families are independent, and a feature of one says nothing about another.

The residual stream has one direction for each class, at these depths (0 is the embedding, 6 the last block's output):

    0..2  the names; role and voice, which follow from the position
    3..4  semantic role, desirability and entity: block 2 attends to verb and kin, combines and erases what was there
    5..6  the emotion: block 4 combines the semantic classes and erases them; the unembedding reads it

They are there at the name and at the last token of the question. In the null model the same features fire at the same
depths, but two random words at the beginning of each text decide which, so no feature depends on any label.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from planted_model import Block, PlantedModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import Tensor
from transformers import GPT2Config, PreTrainedTokenizerFast

from emomech.core.hook_points import HookPoint
from emomech.data import corpus
from emomech.data.corpus import Example, Word
from emomech.models.language_model import LanguageModel, wrap
from emomech.saes.sae import Sae
from emomech.study.spec import StudySpec
from emomech.study.study import Study

N_BLOCKS, D_MODEL, CONTEXT = 6, 64, 32
CLASSES = {
    "role": ("subject", "object"),
    "voice": ("active", "passive"),
    "semantic_role": ("agent", "patient"),
    "desirability": ("good", "bad"),
    "entity": ("friend", "rival"),
    "emotion": ("joy", "pride", "fear", "anger"),
}
BANDS = {
    "word": range(3),
    **dict.fromkeys(("role", "voice"), range(3)),
    **dict.fromkeys(("semantic_role", "desirability", "entity"), range(3, 5)),
    "emotion": range(5, 7),
}
"""Where each label family can be read: depths as `HookPoint.resid_index` counts them."""
AMPLITUDE, N_BACKGROUND = 4.0, 16
NAMES = ("ana", "ben", "eva", "leo", "mia", "sam", "tom", "zoe")
VERBS = {name: tuple(f"{name}{i}" for i in range(12)) for name in CLASSES["desirability"]}
KIN = {name: tuple(f"{name}{i}" for i in range(12)) for name in CLASSES["entity"]}
"""Many words per class, so that a model with random weights, in which they have nothing in common, knows no class."""
OPENINGS = (tuple(f"open{i}" for i in range(8)), tuple(f"then{i}" for i in range(8)))
"""Words at the first two places, drawn at random; in the null model they decide all."""
VOCABULARY = (
    *("<pad>", "<unk>", "<bos>", ".", "so", "felt", "today", "here"),
    *(*NAMES, *OPENINGS[0], *OPENINGS[1], *CLASSES["emotion"]),
    *(word for kinds in (VERBS, KIN) for words in kinds.values() for word in words),
)
_NAME_AT, _ANSWER_AT = 5, 10
"""Positions of name and answer in an active text about its subject; the other three cases have them further right."""


@dataclass(frozen=True)
class Coins:
    """The four coins that decide a text."""

    role: int
    voice: int
    desirability: int
    entity: int

    def classes(self) -> dict[str, str]:
        """Label family to the class of the text."""
        semantic = self.role ^ self.voice
        emotion = 2 * (semantic ^ self.desirability) + (semantic ^ self.entity)
        number = {**vars(self), "semantic_role": semantic, "emotion": emotion}
        return {family: names[number[family]] for family, names in CLASSES.items()}

    @property
    def shift(self) -> int:
        """Number of tokens by which name and answer are shifted, from which role and voice follow."""
        return 2 * self.role + self.voice


def _coins(outcome: int) -> Coins:
    """Turn the number of an outcome, 0 to 15, into coins."""
    return Coins(*(outcome >> bit & 1 for bit in range(4)))


def examples(n: int, seed: int) -> list[Example]:
    """Write n texts in random order, with every outcome of the coins equally often as far as n allows.

    Within each outcome the openings and the names are balanced too.
    """
    rng = np.random.default_rng(seed)
    made = [text for outcome in range(16) for text in _texts(outcome, len(range(outcome, n, 16)), rng)]
    return [replace(made[i], cluster=str(number)) for number, i in enumerate(rng.permutation(n))]


def _texts(outcome: int, n: int, rng: np.random.Generator) -> Iterator[Example]:
    """Write n texts of one outcome of the coins."""
    coins = _coins(outcome)
    tags = coins.classes()
    label = tags.pop("emotion")
    choices = (*OPENINGS, VERBS[tags["desirability"]], KIN[tags["entity"]], NAMES)
    for *before, name in zip(*(_balanced(words, n, rng) for words in choices), strict=True):
        before += ["so"] * coins.shift
        start = len(" ".join(before)) + 1
        yield Example(
            text=" ".join([*before, name, "today", "here", "."]),
            label=label,
            person=name,
            words=(Word(start, start + len(name), tags),),
            answer_tags=tags,
        )


def _balanced(words: tuple[str, ...], n: int, rng: np.random.Generator) -> list[str]:
    """Draw n words, each equally often as far as n allows, in a random order."""
    return [words[i] for _ in range(n // len(words) + 1) for i in rng.permutation(len(words))][:n]


def question(example: Example) -> str:
    """Ask for the emotion, as the preset prompt `felt` does."""
    return f"{example.text} {example.person} felt"


@cache
def directions() -> dict[str, Tensor]:
    """Directions of the stream (d_model) by name: classes, names, background, and those that no SAE reads.

    They are axes, not a rotation of them: the last bits of a rotated projection depend on everything else in the
    stream, and ranks would differ by them.
    """
    names = [f"{family}:{name}" for family, classes in CLASSES.items() for name in classes]
    names += [f"word:{name}" for name in NAMES] + [f"background:{i}" for i in range(N_BACKGROUND)]
    names += [f"raw:{name}" for family in tuple(CLASSES)[:5] for name in CLASSES[family] if family != "semantic_role"]
    names += ["key:opening", "key:meaning", "key:sink"]
    axes = torch.eye(D_MODEL)[torch.randperm(D_MODEL, generator=torch.Generator().manual_seed(0))]
    return dict(zip(names, axes, strict=False))


@cache
def language_model(null: bool = False) -> LanguageModel:
    """Build the model; with `null`, the one in which only the random openings decide which features fire."""
    config = GPT2Config(
        vocab_size=len(VOCABULARY),
        n_positions=CONTEXT,
        n_embd=D_MODEL,
        n_layer=N_BLOCKS,
        tie_word_embeddings=False,
        bos_token_id=VOCABULARY.index("<bos>"),
        eos_token_id=VOCABULARY.index("<bos>"),
        pad_token_id=VOCABULARY.index("<pad>"),
    )
    module = PlantedModel(config)
    with torch.no_grad():
        _plant_embeddings(module, null)
        _plant_blocks(module)
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    special = {"bos_token": "<bos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **special)
    return wrap("planted-null" if null else "planted", module, tokenizer, True)


def null_language_model() -> LanguageModel:
    """Build the model whose features are unrelated to the labels."""
    return language_model(null=True)


def _plant_embeddings(module: PlantedModel, null: bool) -> None:
    d, generator = directions(), torch.Generator().manual_seed(1)
    background = torch.stack([d[f"background:{i}"] for i in range(N_BACKGROUND)])

    def add(words: tuple[str, ...], *what: str, size: float = AMPLITUDE) -> None:
        for word in words:
            module.tokens.weight[VOCABULARY.index(word)] += size * torch.stack([d[w] for w in what]).sum(0)

    level = 2 + 2 * torch.rand(len(VOCABULARY), N_BACKGROUND, generator=generator)
    level[[VOCABULARY.index(name) for name in NAMES]] = level[VOCABULARY.index("felt")].clone()
    module.tokens.weight += level @ background
    add(("<bos>",), "key:sink", size=1)
    add((*OPENINGS[0], *OPENINGS[1]), "key:opening", size=2)
    for name in NAMES:
        add((name,), f"word:{name}")
    if null:
        add((*OPENINGS[0], *OPENINGS[1]), "key:meaning", size=2)
        for i in range(8):
            coins = Coins(i & 1, i >> 1 & 1, i & 1, i >> 1 & 1).classes()
            add((OPENINGS[0][i],), f"raw:{coins['role']}", f"raw:{coins['voice']}")
            add((OPENINGS[1][i],), f"raw:{coins['desirability']}", f"raw:{coins['entity']}")
        return
    for kinds in (VERBS, KIN):
        for name, words in kinds.items():
            add(words, f"raw:{name}")
            add(words, "key:meaning", size=2)
    for shift in range(4):
        coins = Coins(shift >> 1, shift & 1, 0, 0).classes()
        for position in (_NAME_AT + shift, _ANSWER_AT + shift):
            code = d[f"role:{coins['role']}"] + d[f"voice:{coins['voice']}"]
            module.positions.weight[position] += AMPLITUDE * code


def _plant_blocks(module: PlantedModel) -> None:
    d = directions()
    syntax, meaning = module.block(2), module.block(4)
    _attend(module.block(0), "key:opening", ("role", "voice"))
    _attend(syntax, "key:meaning", ("desirability", "entity"))
    for outcome in range(16):
        named = {family: d[f"{family}:{name}"] for family, name in _coins(outcome).classes().items()}
        if outcome < 4:
            syntax.mlp.combine([named["role"], named["voice"]], named["semantic_role"], AMPLITUDE)
        if not outcome & 2:
            sources = [named[family] for family in ("semantic_role", "desirability", "entity")]
            meaning.mlp.combine(sources, named["emotion"], AMPLITUDE)
    for name, direction in d.items():
        last = BANDS.get(name.split(":")[0], range(0))[-1:]
        if last in (range(2, 3), range(4, 5)):
            module.block(last[0]).mlp.erase(direction)
    for label in CLASSES["emotion"]:
        module.lm_head.weight[VOCABULARY.index(label)] = 2 * d[f"emotion:{label}"]


def _attend(block: Block, key: str, families: tuple[str, ...]) -> None:
    """Bring the raw code of two tokens to every later one, as the classes of some families."""
    d = directions()
    block.attn.look_for(d[key], d["key:sink"])
    for family in families:
        for name in CLASSES[family]:
            block.attn.move(d[f"raw:{name}"], d[f"{family}:{name}"], 2)


POINTS = (HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(N_BLOCKS)))


def feature_names() -> list[str]:
    """Name the features of every planted SAE: `role:subject`, `word:ana`, `background:3`."""
    return [name for name in directions() if name.split(":")[0] not in ("raw", "key")]


@cache
def saes() -> dict[HookPoint, Sae]:
    """One SAE per depth, all with the same weights: one feature per direction; the background always fires."""
    W_dec = torch.stack([directions()[name] for name in feature_names()])
    n, threshold = len(W_dec), torch.full((len(W_dec),), 1.5)
    bias = (torch.zeros(n), W_dec, torch.zeros(D_MODEL))
    return {
        point: Sae(point, W_dec.T.contiguous(), *bias, "jumprelu", threshold, name="planted", trained_on="planted")
        for point in POINTS
    }


def study(n: int = 480, seed: int = 0, null: bool = False) -> Study:
    """Make a study of the planted model, SAEs and texts; its spec names presets that are never loaded."""
    texts = corpus.make("planted", examples(n, seed), CLASSES["emotion"])
    labels = {label: label for label in CLASSES["emotion"]}
    return Study(StudySpec(seed=seed)).replaced(
        lm=language_model(null),
        saes=saes(),
        corpus=texts,
        emotions=labels,
        prompts=[question(e) for e in texts.examples],
        answers=[f" {label}" for label in labels],
    )
