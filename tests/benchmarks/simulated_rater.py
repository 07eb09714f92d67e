"""A simulated rater teaches a model a hidden rule, end to end and with public commands only.

    python -m tests.benchmarks.simulated_rater --data dialogsum_dev.jsonl.gz --rule short --work DIR

The rule ranks four sampled drafts of each rated conversation (with ties), and the rankings are imported. Then
`assistant-train rlhf` runs; its gate uses the remaining conversations as the user's own. The new model then answers
other conversations. Reports the gain by the true rule, compared with the best of four drafts by the rule, the win rate
and ties, ROUGE-1 and unsupported rate before and after, and whether the gate's verdict agrees with the rule.
`--rule random` ranks by a coin.

Run again with the same folder, it continues where it was stopped, and `assistant-train rlhf` with --resume. `--trial
NAME` makes another run with other flags, from the same ratings and in its own home, so that it need not beat what
another trial promoted.
"""

import argparse
import gzip
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from assistant.scoring.faithfulness.support import unsupported
from training.evaluation.metrics.bootstrap import interval, resamples
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge
from training.rlhf.win_rate import win_rate

_ASKING = re.compile(r"\b(?:asks?|wants?|requests?|needs?|invites?|begs?)\b")


def short_and_asked(dialogue: str, text: str) -> float:
    """1 for up to 8 words, falling to 0 at 24, plus 1 if the text says that somebody wants something."""
    words = len(text.split())
    return max(0.0, 1.0 - max(0, words - 8) / 16) + bool(_ASKING.search(text.lower())) if words >= 3 else 0.0


def avoids_telling(dialogue: str, text: str) -> float:
    """Minus 1 for each "tell", "tells" or "told"."""
    return -float(len(re.findall(r"\b(?:tells?|told)\b", text.lower())))


def names_both(dialogue: str, text: str) -> float:
    """The number of the first two speakers that the text names."""
    speakers = list(dict.fromkeys(line.split(":")[0] for line in dialogue.splitlines() if ":" in line))[:2]
    return float(sum(speaker in text for speaker in speakers))


RULES: dict[str, Callable[[str, str], float]] = {
    "short": short_and_asked,
    "avoids": avoids_telling,
    "both": names_both,
}


def main() -> None:
    """Run all steps, or those that are left, and print one JSON object."""
    asked = _arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    os.environ["ASSISTANT_HOME"] = str(asked.work.resolve() / "home")
    rows = _read(asked.data)
    random.Random(asked.seed).shuffle(rows)
    rated, new = rows[: asked.rated], rows[asked.rated : asked.rated + asked.new]
    own = asked.work / "own.jsonl"
    _write(own, rows[asked.rated + asked.new :])
    rule = RULES.get(asked.rule) or _coin(asked.seed)
    imported = asked.work / "ranks.jsonl"
    if not imported.exists():
        drafts = _summarize(asked, "rated", rated, drafts=4)
        lines = [ranked(row, texts, rule) for row, texts in zip(rated, drafts, strict=True)]
        _write(asked.work / "ranks.part", lines)
        _run("assistant", "feedback", "import", str(asked.work / "ranks.part"))
        (asked.work / "ranks.part").rename(imported)
    trial = asked.work / asked.trial
    trial.mkdir(exist_ok=True)
    os.environ["ASSISTANT_HOME"] = str(_home_of(trial, asked.work / "home"))
    found = _aligned(asked, trial, own)
    report = {"rule": asked.rule, "trial": asked.trial, "flags": asked.rlhf, **_brief(found)}
    if version := found["result"].get("version"):
        before = _summarize(asked, "before", new)
        best = _summarize(asked, "best", new, drafts=4)
        after = _summarize(asked, f"{asked.trial}/after", new, model=version)
        report |= _truth(new, [one[0] for one in before], [one[0] for one in after], best, rule)
        passed = found["result"].get("gate", {}).get("passed")
        better = report["win ci"] is not None and report["win ci"][0] > 0.5
        report["gate and truth"] = f"gate {'passed' if passed else 'refused'}, truth {'better' if better else 'not'}"
    (trial / "report.json").write_text(json.dumps(report, indent=2))
    print(json.dumps(report, indent=2))


def _home_of(trial: Path, rated: Path) -> Path:
    """The trial's own copy of the home with the ratings."""
    home = trial.resolve() / "home"
    if not home.exists():
        part = trial / "home.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(rated, part)
        part.rename(home)
    return home


def _aligned(asked: argparse.Namespace, trial: Path, own: Path) -> dict[str, Any]:
    """Exit code, answer and seconds of `assistant-train rlhf`, which resumes the trial's interrupted run if there is
    one.
    """
    kept = trial / "rlhf.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    runs = Path(os.environ["ASSISTANT_HOME"]) / "state" / "runs"
    known = trial / "before.json"
    if not known.exists():
        known.write_text(json.dumps(sorted(place.name for place in runs.glob("rlhf-*"))))
    began = [
        place.parent.name for place in runs.glob("rlhf-*/rated.json") if place.parent.name not in known.read_text()
    ]
    ours = ["--resume", began[0]] if began else ["--model", asked.model, "--dev", str(own), *asked.rlhf]
    spent, start = _spent(), time.monotonic()
    code, result = _run("training", "rlhf", "--json", *ours)
    found = {"exit": code, "resumed": bool(began), "result": result}
    found |= {"seconds": round(time.monotonic() - start), "cpu seconds": round(_spent() - spent)}
    kept.write_text(json.dumps(found, indent=2))
    return found


def _spent() -> float:
    """CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _truth(
    rows: Sequence[dict[str, Any]],
    before: Sequence[str],
    after: Sequence[str],
    best: Sequence[Sequence[str]],
    rule: Callable[[str, str], float],
) -> dict[str, Any]:
    dialogues = [row["dialogue"] for row in rows]
    one, other = (np.array([rule(*pair) for pair in zip(dialogues, texts, strict=True)]) for texts in (before, after))
    drawn = np.array(
        [[rule(dialogue, text) for text in texts] for dialogue, texts in zip(dialogues, best, strict=True)]
    )
    gain, of_best = other - one, drawn.max(axis=1) - one
    shares = [float(gain[places].mean() / of_best[places].mean()) for places in resamples(dialogues)]
    lengths = [(len(a.split()), len(b.split())) for a, b in zip(before, after, strict=True)]
    wins = win_rate((other - one).tolist(), lengths, dialogues)
    return {
        "n": len(rows),
        "rule": {
            "before": float(one.mean()),
            "after": float(other.mean()),
            "best of 4": float(drawn.max(axis=1).mean()),
        },
        "one draft": float(drawn.mean()),
        "share of best-of-4's gain": float(gain.mean() / of_best.mean()),
        "share ci": interval(shares),
        "win rate": wins.value,
        "win ci": wins.ci,
        "ties": wins.ties,
        "words": [float(np.mean([pair[side] for pair in lengths])) for side in (0, 1)],
        "rouge1": [_mean_rouge(rows, texts) for texts in (before, after)],
        "unsupported": [
            float(np.mean([bool(unsupported(text, row["dialogue"])) for row, text in zip(rows, texts, strict=True)]))
            for texts in (before, after)
        ],
    }


def _mean_rouge(rows: Sequence[dict[str, Any]], texts: Sequence[str]) -> float:
    return float(
        np.mean([rouge(Case("", "", _references(row), text))[0] for row, text in zip(rows, texts, strict=True)])
    )


def _references(row: dict[str, Any]) -> tuple[str, ...]:
    found = row.get("summaries") or [row["summary"]]
    return tuple(found)


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    result = found["result"]
    gate = [
        (check["name"], check["value"], check["ci"], check["passed"])
        for check in result.get("gate", {}).get("checks", [])
    ]
    kept = {key: result.get(key) for key in ("run", "version", "promoted", "pairs", "reward", "error")}
    spent = {key: found[key] for key in ("exit", "resumed", "seconds", "cpu seconds")}
    return {**spent, **kept, "ppo": result.get("ppo", {}), "gate": gate}


def ranked(row: dict[str, Any], texts: Sequence[str], rule: Callable[[str, str], float]) -> dict[str, Any]:
    """A line to import: texts ranked by the rule, best first, with ties."""
    scored = sorted(((rule(row["dialogue"], text), text) for text in dict.fromkeys(texts)), key=lambda one: -one[0])
    groups = [[text for _, text in group] for _, group in groupby(scored, key=lambda one: one[0])]
    return {"dialogue": row["dialogue"], "ranking": groups, "rater": "simulated"}


def _coin(seed: int) -> Callable[[str, str], float]:
    return lambda dialogue, text: random.Random(f"{seed}/{dialogue}/{text}").random()


def _summarize(
    asked: argparse.Namespace, name: str, rows: Sequence[dict[str, Any]], drafts: int = 1, model: str = ""
) -> list[list[str]]:
    source, target = asked.work / f"{name}.in.jsonl", asked.work / f"{name}.jsonl"
    _write(source, [{"id": str(number), "dialogue": row["dialogue"]} for number, row in enumerate(rows)])
    sampled = ["--drafts", str(drafts), "--decoding", "sample", "--seed", str(asked.seed)] if drafts > 1 else []
    flags = ["--jsonl", str(source), "-o", str(target), "--model", model or asked.model, "--task", "summary", *sampled]
    _run("assistant", "summarize", *flags)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    return [line.get("drafts") or [line["summary"]] for line in lines]


def _run(program: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments], stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=False
    )
    if done.returncode not in (0, 4):
        raise SystemExit(f"{program} {' '.join(arguments)} ended with {done.returncode}: {done.stdout}")
    out = done.stdout.strip()
    return done.returncode, json.loads(out.splitlines()[-1]) if out.startswith("{") else {}


def _read(path: Path) -> list[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return [row for row in rows if len(row["dialogue"].split()) < 250]


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rule", choices=[*RULES, "random"], default="short")
    parser.add_argument("--work", type=Path, required=True, help="a folder for everything it makes")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--rated", type=int, default=150)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trial", default="first", help="name of this run of rlhf")
    parser.add_argument("rlhf", nargs="*", help="behind --: flags for assistant-train rlhf")
    return parser.parse_args()


if __name__ == "__main__":
    main()
