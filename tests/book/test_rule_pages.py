"""The page on the rules shows every rule with its rates, history and criteria."""

import pandas as pd
import planted_rules
import pytest
from planted_rules import NULL, OPPOSITE, PLANTED, measured

from emomech.book import claims, error_rates, rule_pages
from emomech.book.claims import Claim

FOUND = pd.DataFrame({"claim": ["C1"], "model": ["organism"], "outcome": ["reversed"]})
MORE = ("more", "null", 1.0, {"replicates": 3, "does not replicate": 97})


def test_the_rate_nearest_to_its_bound_is_selected() -> None:
    table = rule_pages.worst(error_rates.rates(measured(NULL, MORE, OPPOSITE)))
    of_null = table[table.world == "null"].set_index("outcome").scenario.to_dict()
    assert of_null == {"replicates": "more", "partly or better": "nothing"}


def test_numbers_for_the_prose() -> None:
    numbers = rule_pages.numbers(error_rates.rates(measured(NULL, MORE, *PLANTED)))
    assert (numbers["n_bounds"], numbers["n_kept"], numbers["n_rules"]) == (6, 6, 1)
    assert str(numbers["worst"]).startswith("0.03 [")


def test_every_rule_has_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "CLAIMS", (Claim("C1", "flow", planted_rules.RULE),))
    html = str(rule_pages.sections(FOUND, measured(NULL)).data)
    assert 'id="rule-c1"' in html and "organism: reversed" in html and "Rates of C1" in html
    assert "Nothing to show" in str(rule_pages.sections(FOUND, []).data)
