"""A home with data of every kind, made once, copied for each fault, and compared afterwards.

`python -m tests.trust.world FOLDER` makes it, in its own process: it needs torch, and the harness forks.
"""

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

COMPLETIONS = 12
RATER = "ann"
"""The user name that the commands run under."""
NOTES = {
    "pier.txt": "The pier opens at nine in the morning. The harbour office sells rope and lanterns.",
    "cheese.md": "# Cheese\n\nThe cheese ripens in brine for eight weeks. Then it is washed twice a day.",
}
QUESTION = "When does the pier open?"


def build(folder: Path) -> None:
    """Make the home, its notes, a tiny model and a backup in the folder."""
    home, notes = folder / "home", folder / "notes"
    os.environ["ASSISTANT_HOME"] = str(home)
    notes.mkdir(parents=True)
    for name, text in NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    _fill_store()
    _fill_models(folder)
    _fill_runs(folder)
    from assistant.settings import save_setting
    from tests.trust.commands import run

    save_setting("prompt.mode", "few-shot")
    assert run(["knowledge", "add", str(notes)]) == 0
    assert run(["backup", str(folder / "backup.zip")]) == 0
    (folder / "facts.json").write_text(json.dumps(facts(home)))


def _fill_store() -> None:
    from assistant.feedback.store import Store
    from tests.builders import a_completion

    with Store.open() as store:
        store.completions.add([a_completion(f"c{number}") for number in range(COMPLETIONS)])
        for number in range(4):
            store.judgements.rate(f"c{number}", "up", rater=RATER)


def _fill_models(folder: Path) -> None:
    from assistant.engine.conversion import convert_folder
    from assistant.models.versions import VersionFacts, preparing, promote, register
    from tests.tiny_models import build_tiny_model

    tiny = build_tiny_model(folder / "tiny")
    convert_folder(tiny, folder / "conversion")
    for _ in range(2):
        with preparing() as draft:
            shutil.copytree(tiny, draft, dirs_exist_ok=True)
            shutil.copytree(folder / "conversion", draft / "ctranslate")
            (draft / "adapter").mkdir()
            shutil.copy(tiny / "model.safetensors", draft / "adapter" / "adapter_model.safetensors")
            register(draft, VersionFacts(base="pocket", method="lora"))
    promote("v1")
    promote("v2")


def _fill_runs(folder: Path) -> None:
    from tests.trust.commands import TRAINER, run

    rows = [{"id": str(n), "dialogue": f"Maya: The review is on day {n}.\nTom: I'll book room {n}."} for n in range(8)]
    data = folder / "talks.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run([TRAINER, *ppo(folder), "--max-steps", "2"]) == 0


def ppo(folder: Path) -> list[str]:
    """The arguments of the smallest PPO run, without its number of steps."""
    small = ("--batch-size=2", "--mini-batch-size=2", "--epochs=1", "--max-new-tokens=4", "--judge-every=0")
    return ["ppo", f"--model={folder / 'tiny'}", f"--data={folder / 'talks.jsonl'}", "--reward=length:5", *small]


def facts(home: Path) -> dict[str, object]:
    """What must never be lost, read without the product's code."""
    return {"answers": _rows(home, "SELECT id, answer FROM completions ORDER BY id"), "ratings": ratings(home)}


def ratings(home: Path) -> list[list[str]]:
    """Rater, answer and thumb of every rating, in force or ended."""
    bodies = [json.loads(row[0]) for row in _rows(home, "SELECT body FROM judgements WHERE kind = 'rating'")]
    return sorted([body["rater"], body["completion"], body["thumb"]] for body in bodies)


def _rows(home: Path, query: str) -> list[list[str]]:
    with sqlite3.connect(home / "data" / "store.db") as database:
        found = [list(row) for row in database.execute(query)]
    database.close()
    return found


if __name__ == "__main__":
    build(Path(sys.argv[1]))
