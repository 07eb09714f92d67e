"""A run's page: what a person reads there."""

import re
from pathlib import Path
from typing import Any

from assistant.prompts import render
from training.rlhf.report import write_page

PROMPT = render("Ann: Hi <Ben>.\nBen: Hello.", budget=1 << 30, count_tokens=lambda _: 0).text
CHECK = {"name": "ROUGE-1", "value": -3.0, "ci": [-4.0, -2.5], "limit": -2, "passed": False, "rule": "above -2"}
FOUND: dict[str, Any] = {
    "run": "rlhf-1",
    "version": "v2",
    "against": "pocket",
    "promoted": False,
    "pairs": {"n": 120, "longer_chosen": 0.25, "unpaired": {}},
    "reward": {"accuracy": 0.75, "ci": [0.7, 0.8], "n": 40, "judge": {"accuracy": 0.5, "ci": [0.4, 0.6], "n": 40}},
    "ppo": {
        "kept_step": 5,
        "curve": [{"step": 0, "judge": 1.0, "kl": 0.0}, {"step": 5, "judge": 3.0, "kl": 2.0}],
        "best_of": [{"n": 2, "judge": 2.0, "kl": 1.0}],
    },
    "gate": {
        "passed": False,
        "checks": [CHECK],
        "samples": [{"prompt": PROMPT, "current": "Ann greets.", "candidate": "Hi.", "gain": -1.5}],
    },
}


def test_a_person_can_read_it(tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", FOUND, "curves.png")
    page = (tmp_path / "report.html").read_text()
    assert "Candidate v2 against pocket: gate not passed." in page
    rows = [
        re.sub(r"</t[dh]><t[dh][^>]*>", " | ", row)
        for row in re.findall(r"<tr><t[dh][^>]*>(.*?)</t[dh]></tr>", page, re.S)
    ]
    assert "pairs | 120" in rows
    assert "the longer answer was chosen | 25.0%" in rows
    assert "agrees with people | 75.0% | 50.0%" in rows
    assert "95 % interval | 70.0% to 80.0% | 40.0% to 60.0%" in rows
    # The conversation as it is, without the question around it and without becoming markup.
    assert "conversation | Ann: Hi &lt;Ben&gt;.\nBen: Hello." in rows
    assert "-3 | [-4, -2.5] | NO | above -2 (-2)" in page.replace("</td><td>", " | ").replace(
        '</td><td class="no">', " | "
    )
    assert 'src="curves.png"' in page


def test_the_kept_checkpoint_is_ringed_where_it_stands(tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", FOUND)
    page = (tmp_path / "report.html").read_text()
    # 520 by 260 with an edge of 48: KL 0 to 2 runs from 48 to 496, the judge 1 to 3 from 212 up to 24.
    assert 'points="48.0,212.0 496.0,24.0"' in page
    assert '<circle cx="496.0" cy="24.0" r="6" fill="none"' in page
    assert '<circle cx="272.0" cy="118.0" r="4"' in page
