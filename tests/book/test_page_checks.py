"""What a page about the book is asked is checked before a kernel starts."""

import pytest

from emomech.book import page_checks
from emomech.core.errors import UsageError

VERDICTS = {"models": "organism", "first": "quick", "others": "quick", "settings": "", "claims": "all"}
RULES = {**VERDICTS, "measured": "book/operating.json"}
del RULES["claims"]


def test_the_defaults_pass() -> None:
    page_checks.check(VERDICTS)
    page_checks.check(RULES)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"settings": "sed=1"}, "unknown parameter of the book 'sed'. Did you mean 'seed'"),
        ({"settings": "seed=x"}, "seed: found 'x', expected a whole number"),
        ({"settings": "limit=-3"}, "limit: found '-3'"),
        ({"settings": "corpus=/no/such.csv"}, "/no/such.csv"),
        ({"settings": "emotions=sixx"}, "unknown preset in emotions 'sixx'"),
        ({"settings": "n_resamples=3"}, "n_resamples: found '3', expected a whole number >= 20"),
        ({"settings": "prompts=nosuch"}, "unknown preset in prompts 'nosuch'"),
        ({"settings": "model=gpt2-small"}, "model 'gpt2-small': is not the first of the models, 'organism'"),
        ({"settings": "seed"}, "'seed': expected NAME=VALUE"),
        ({"models": ","}, "models: found no name"),
        ({"models": "organism,nosuch"}, "unknown preset in models 'nosuch'"),
        ({"claims": "C77"}, "unknown claim 'C77'"),
        ({"measured": "nosuch.json"}, "nosuch.json: is no record of the rules"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, str], match: str) -> None:
    page = RULES if "measured" in changed else VERDICTS
    with pytest.raises(UsageError, match=match):
        page_checks.check(page | changed)
