"""Mentions nest, continue in the next sentence and recur; each has its kind, its cluster and its head word."""

import pytest

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import parse
from emomech.data.annotation.coreference import Mention, head_words, mentions

DECLARED = "# global.Entity = GRP-etype-infstat-minspan-link-identity\n"
FIRST = [
    ("The", 2, "(1-person-new-2-coref"),
    ("sister", 6, "_"),
    ("of", 5, "_"),
    ("the", 5, "(2-person-new-2-sgl"),
    ("king", 2, "2)1)"),
    ("left", 0, "_"),
    ("York", 6, "(3-place-new-1-sgl-York,_New-England)"),
]
SECOND = [("She", 2, "(1-person-giv-1-ana)"), ("said", 0, "(4-event-new-1-sgl")]
THIRD = [("so", 2, "_"), ("twice", 0, "4)")]


def treebank(*sentences: list[tuple[str, int, str]], declared: str = DECLARED) -> str:
    blocks = []
    for sentence in sentences:
        rows = [
            f"{i}\t{form}\t_\tX\t_\t_\t{head}\tdep\t_\t{entity if entity == '_' else f'Entity={entity}'}"
            for i, (form, head, entity) in enumerate(sentence, 1)
        ]
        blocks.append("\n".join(rows))
    return "# newdoc\n" + declared + "\n\n".join(blocks) + "\n"


def mentions_of(*sentences: list[tuple[str, int, str]], **options: str) -> list[Mention]:
    return mentions(parse(treebank(*sentences, **options), "mine.conllu"))


def test_mentions_nest_and_close_in_their_order() -> None:
    king, sister, york = mentions_of(FIRST)
    assert (king.cluster, king.kind, king.words) == ("2", "person", ((0, 3), (0, 4)))
    assert (sister.cluster, sister.words) == ("1", tuple((0, i) for i in range(5)))
    assert (york.kind, york.words) == ("place", ((0, 6),))


def test_a_mention_comes_again_in_its_cluster() -> None:
    assert [m.words for m in mentions_of(FIRST, SECOND, THIRD) if m.cluster == "1"] == [
        tuple((0, i) for i in range(5)),
        ((1, 0),),
    ]


def test_a_mention_goes_on_in_the_next_sentence() -> None:
    assert mentions_of(FIRST, SECOND, THIRD)[-1].words == ((1, 1), (2, 0), (2, 1))


def test_mentions_of_one_cluster_may_nest() -> None:
    inner, outer = mentions_of([("a", 2, "(1-person"), ("b", 0, "(1-person"), ("c", 2, "1)1)")])
    assert (inner.words, outer.words) == (((0, 1), (0, 2)), ((0, 0), (0, 1), (0, 2)))


def test_a_mention_hangs_on_the_word_whose_head_is_outside() -> None:
    sentences = parse(treebank(FIRST, SECOND, THIRD), "mine.conllu")
    hung = head_words(sentences, mentions(sentences))
    words = {sentences[s].words[w].form: mention.kind for (s, w), mention in hung.items()}
    assert words == {"sister": "person", "king": "person", "York": "place", "She": "person", "said": "event"}


def test_of_mentions_that_hang_on_one_word_the_shortest_is_taken() -> None:
    sentences = parse(treebank([("old", 2, "(1-group"), ("york", 0, "(2-place)1)")]), "mine.conllu")
    assert head_words(sentences, mentions(sentences))[0, 1].kind == "place"


def test_pieces_of_a_mention_have_its_cluster() -> None:
    declared = "# global.Entity = eid-etype-head-other\n"
    parts = mentions_of(
        [("a", 2, "(e1[1/2]-person-1-)"), ("b", 0, "_"), ("c", 2, "(e1[2/2]-person-1-)")], declared=declared
    )
    assert [(m.cluster, m.kind, m.words) for m in parts] == [("e1", "person", ((0, 0),)), ("e1", "person", ((0, 2),))]


def test_empty_nodes_open_and_close_but_have_no_place() -> None:
    text = treebank([("a", 2, "_"), ("b", 0, "1)")]).replace(
        "2\tb", "1.1\twho\t_\t_\t_\t_\t_\t_\t_\tEntity=(2-person)(1-person\n2\tb"
    )
    assert [(m.cluster, m.words) for m in mentions(parse(text, "mine.conllu"))] == [("2", ()), ("1", ((0, 1),))]


def test_a_treebank_without_entities_has_no_mentions() -> None:
    assert mentions_of([("a", 0, "_")], declared="") == []


@pytest.mark.parametrize(
    ("sentences", "declared", "message"),
    [
        ([FIRST], "", r"mine.conllu:1: Entity=\(1-person.*no `# global.Entity` declares"),
        ([[("a", 0, "(1-person")]], DECLARED, r"mine.conllu:1: the Entity 1 is still open"),
        ([[("a", 0, "1)")]], DECLARED, r"mine.conllu:1: an Entity ends with 1\), but none"),
        ([[("a", 0, "person)(")]], DECLARED, r"mine.conllu:1: cannot read Entity=person\)\("),
    ],
)
def test_what_cannot_be_read_is_named(sentences: list, declared: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mentions_of(*sentences, declared=declared)


def test_no_mention_goes_on_in_another_document() -> None:
    text = treebank([("a", 0, "(1-person")]) + "\n# newdoc\n" + treebank([("b", 0, "1)")]).removeprefix("# newdoc\n")
    with pytest.raises(UsageError, match="still open where the document ends"):
        mentions(parse(text, "mine.conllu"))
