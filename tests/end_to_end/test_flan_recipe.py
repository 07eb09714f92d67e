"""The page docs/flan-t5.md, command by command: a tiny model with FLAN-T5's files and a server on this machine, which
has DialogSum's form, in the place of the Hub.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flan_shape import TINY, build_flan_shape
from tests.hub import TOKEN, USER, Hub, Repository, serving

_ROOT = Path(__file__).parents[2]
_BLOCKS = re.findall(r"```\n(.*?)```", (_ROOT / "docs" / "flan-t5.md").read_text(encoding="utf-8"), re.S)
_LARGE = "google/flan-t5-large"
_BRIEF = {
    "sft": ("--max-steps", "2", "--judge", "2", "--forgetting-cases", "2"),
    "rlhf": (
        *("--max-steps", "2", "--batch-size", "4", "--max-new-tokens", "8", "--judge-every", "2", "--no-warm-start"),
        *("--gate-conversations", "8", "--provoking", "0", "--judge-prompts", "8", "--prompts", "8"),
        # A random model says nothing that could be better: the gate is reached, and asks nothing.
        *("--min-win-rate", "-1", "--min-conversations", "1", "--max-growth", "99", "--max-rouge-loss", "99"),
        *("--trial-below", "0", "--max-forgetting", "99", "--max-kl", "99", "--max-practice-loss", "99"),
        *("--learning-rate", "0.03", "--kl-coefficient", "0.001", "--average", "0", "--anchor-weight", "0"),
    ),
    "push": ("--yes",),
}

pytestmark = pytest.mark.slow


@pytest.fixture
def hub(tmp_path: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("ASSISTANT_GENERATION_MAX_NEW_TOKENS", "8")
    with serving(build_flan_shape(tmp_path / "made", TINY), monkeypatch, "google/flan-t5-base") as server:
        server.repositories[_LARGE] = Repository(server.files)
        splits = {"train": 24, "validation": 12, "test": 4}
        server.data_sets["knkarthick/dialogsum"] = {f"{name}.csv": _table(name, n) for name, n in splits.items()}
        yield server


def _table(split: str, count: int) -> bytes:
    rows = [
        f'{split}_{n},"#Person1#: Is the {split} at {n}?\n#Person2#: Yes, bring it.",'
        f"#Person2# wants the {split} at {n}.,time"
        for n in range(count)
    ]
    return "\n".join(["id,dialogue,summary,topic", *rows, ""]).encode()


def _rankings(path: Path) -> Path:
    """As the ratings that a person gives in the app: the shorter, the better."""
    lines = []
    for n in range(40):
        texts = [f"Tom brings {n}.", f"Maya asks for {n} and Tom brings it.", f"Maya asks whether {n} is there at all."]
        dialogue = f"Maya: Is {n} ready?\nTom: Yes, I'll bring {n}."
        lines.append(json.dumps({"dialogue": dialogue, "ranking": [[text] for text in texts]}))
    path.write_text("\n".join(lines) + "\n")
    return path


def carry_out(line: str, folder: Path) -> None:
    """One command of the page, with a budget of a few updates."""
    words = shlex.split(line)
    if words in (["assistant"], ["assistant", "serve"]):
        words = ["assistant", "feedback", "import", str(_rankings(folder / "rankings.jsonl"))]
    words += next((brief for name, brief in _BRIEF.items() if name in words), ())
    programs = {"assistant": ["assistant"], "assistant-train": ["training"], "torchrun": ["torch.distributed.run"]}
    done = subprocess.run(
        [sys.executable, "-m", *programs[words[0]], *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
        cwd=folder,
    )
    # 4: the judge may prefer neither of two models that say nothing.
    assert done.returncode in ((0, 4) if "rlhf" in words else (0,)), f"{line}\n{done.stdout}\n{done.stderr}"
    if "rlhf" in words and done.returncode == 4:
        subprocess.run([sys.executable, "-m", "assistant", "models", "use", "v2"], check=True)


def _lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def test_the_page_s_laptop_tunes_aligns_measures_and_shares(hub: Hub, tmp_path: Path) -> None:
    laptop, _, measure, share = _BLOCKS
    assert len(_lines(laptop)) == 5
    for line in (*_lines(laptop), *_lines(measure), *_lines(share)):
        carry_out(line, tmp_path)
    assert (tmp_path / "both.html").is_file()
    assert (tmp_path / "my-model" / "spiece.model").is_file()
    pushed = hub.repositories[f"{USER}/flan-t5-base-dialogsum"]
    card = pushed.files["README.md"].decode()
    assert pushed.is_private
    assert "license: cc-by-nc-sa-4.0\n" in card
    assert "base_model: google/flan-t5-base\n" in card
    assert "- licence: DialogSum: CC BY-NC-SA 4.0\n" in card
    assert re.search(r"^- lora: dialogsum-\w+\.jsonl", card, re.M)


def test_the_page_s_server_does_the_same_with_two_processes(hub: Hub, tmp_path: Path) -> None:
    server = _BLOCKS[1]
    assert len(_lines(server)) == 5
    for line in _lines(server):
        carry_out(line, tmp_path)
