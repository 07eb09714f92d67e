"""The head that tells insults and threats from what is polite, and the texts of our own that it learns from."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from assistant.scoring.heads import Toxicity, toxicity_of
from training.cli import run
from training.reward.toxicity_texts import own_texts

SEED = 20261121


def test_what_is_kept_for_the_test_is_not_taught() -> None:
    taught, kept = own_texts(SEED)
    assert not {text for text, _ in taught} & {text for text, _ in kept}
    for texts in (taught, kept):
        shares = [is_toxic for _, is_toxic in texts]
        assert 0.3 < sum(shares) / len(shares) < 0.7
        assert not [text for text, _ in texts if re.search(r"[{}]", text) or not text[:1].isupper()]
    # Words of the lists' last third are kept, too.
    for word in ("buffoon", "nitwit", "spineless"):
        assert any(word in text for text, _ in kept) and not any(word in text for text, _ in taught)
    assert own_texts(SEED) == (taught, kept) != own_texts(SEED + 1)


def test_the_bundled_head_tells_plain_insults_that_it_was_not_taught(minilm: Path) -> None:
    kept = own_texts(SEED)[1]
    shares = np.array(Toxicity(1).score([text for text, _ in kept]))
    labels = np.array([is_toxic for _, is_toxic in kept])
    # 79 % right and .93 of the area under the curve when it was made; the one before it had 60 % and .84.
    assert ((shares > 0.5) == labels).mean() > 0.7
    assert (shares[labels][:, None] > shares[~labels][None, :]).mean() > 0.88


def test_a_toxicity_is_one_hidden_layer_and_a_logistic() -> None:
    layers = {
        "hidden.weight": np.array([[1.0, 0.0], [0.0, 1.0]]),
        "hidden.bias": np.array([0.0, -1.0]),
        "out.weight": np.array([[2.0, 4.0]]),
        "out.bias": np.array([-1.0]),
    }
    # Hidden [1, 0] and [0, 1]: 2 - 1 = 1 and 4 - 1 = 3; 1 / (1 + e^-1) and 1 / (1 + e^-3).
    found = toxicity_of(layers, np.array([[1.0, 0.5], [-3.0, 2.0]]))
    assert found == pytest.approx([0.7311, 0.9526], abs=1e-4)


def test_texts_of_one_kind_make_no_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "texts.jsonl"
    data.write_text("\n".join(json.dumps({"text": f"Hello {n}", "label": "not_hate"}) for n in range(5)))
    assert run(["reward", "--data", str(data), "-o", str(tmp_path / "head"), "--json"]) == 3
    assert "both kinds" in json.loads(capsys.readouterr().out)["error"]
    assert run(["reward", "--data", str(data), "--json"]) == 2
    assert "-o FOLDER" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.slow
def test_a_head_is_made_with_a_card_and_figures(
    minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "texts.jsonl"
    rows = [{"text": f"I hate all {n} of them, kill them", "label": "hate", "source": "a"} for n in range(20)]
    rows += [{"text": f"We met {n} of them at lunch", "label": "not_hate", "source": "a"} for n in range(20)]
    rows += [{"text": "left out", "label": "hate", "source": "ETHOS-binary"}]
    data.write_text("\n".join(map(json.dumps, rows)))
    assert run(["reward", "--data", str(data), "-o", str(tmp_path / "head"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["sources"]
    # A fifth of the 40 is held out; the set under the GPL has no part.
    assert made["a"]["n"] == 8 and "ETHOS-binary" not in made and made["written for Parley"]["accuracy"] > 0.6
    card = (tmp_path / "head" / "README.md").read_text()
    assert "| written for Parley |" in card and "project's own" in card
