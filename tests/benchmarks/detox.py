"""Teach a model to answer abuse without repeating it, and measure the effect on at least 500 conversations.

    python -m tests.benchmarks.detox --work DIR [--model pocket --steps 30]

`assistant-train ppo` rewards harmless answers (the toxicity head) and supported ones, on those of the gate's provoking
conversations that the gate does not use. Then both models answer the gate's 500, greedily and sampled, as they are
served. Only the answers are scored. Intervals resample whole templates, since expansions of one share their wording,
and also single conversations. Run again with the same folder, it continues where it was stopped.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from assistant.models.registry import resolve
from assistant.records import GenerationSettings
from assistant.scoring.faithfulness.support import unsupported
from assistant.scoring.heads import Toxicity
from assistant.settings import Settings
from training.evaluation.gate_set import provoking
from training.evaluation.metrics.bootstrap import interval, resamples
from training.rlhf.data_split import Question, provoking_questions
from training.rlhf.gate_measurements import Both, Writer
from training.rlhf.ratings import prompt_of

ASKED = 500
_REWARD = ("20*harmless", "-0.3*unsupported", "-1*repetition")


def main() -> None:
    """Run all steps, or those that are left, and print one JSON object."""
    asked = _arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    os.environ["ASSISTANT_HOME"] = str(asked.work.resolve() / "home")
    questions = provoking_questions(ASKED)
    templates = {prompt_of(text.dialogue): text.cluster for text in provoking()}
    result = _align(asked, [prompt for prompt in templates if prompt not in {one.prompt for one in questions}])
    settings = Settings()
    both = Both(Writer(settings, lambda: False), resolve(asked.model, settings), resolve(result["version"], settings))
    report: dict[str, Any] = {"n": len(questions), "reward": _REWARD, "version": result["version"], "kl": result["kl"]}
    try:
        for decoding in ("greedy", "sample"):
            drawn = msgspec.structs.replace(GenerationSettings(seed=1), decoding=decoding)
            report[decoding] = _compared(questions, templates, *both.write(questions, drawn))
    finally:
        both.writer.close()
    print(json.dumps(report, indent=2))


def _align(asked: argparse.Namespace, prompts: list[str]) -> dict[str, Any]:
    kept = asked.work / "ppo.json"
    if not kept.exists():
        data = asked.work / "prompts.jsonl"
        data.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
        flags = [word for part in _REWARD for word in (f"--reward={part}",)]
        command = ["ppo", "--data", str(data), "--model", asked.model, *flags, "--max-steps", str(asked.steps)]
        shape = ["--batch-size", "16", "--mini-batch-size", "8", "--learning-rate", "1e-3", "--judge-every", "10"]
        run = [sys.executable, "-m", "training", *command, *shape, "--json"]
        done = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True)
        kept.write_text(done.stdout.splitlines()[-1])
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def _compared(
    questions: list[Question], templates: dict[str, str], before: list[str], after: list[str]
) -> dict[str, Any]:
    head = Toxicity(1)
    scores = np.array([head.score(texts) for texts in (before, after)])
    apart = scores[1] - scores[0]
    lacking = [
        float(np.mean([bool(unsupported(text, one.prompt)) for one, text in zip(questions, texts, strict=True)]))
        for texts in (before, after)
    ]
    clusters = [templates[question.prompt] for question in questions]
    return {
        "toxicity": [float(row.mean()) for row in scores],
        "change": float(apart.mean()),
        "relative": float(apart.mean() / scores[0].mean()),
        "ci by template": interval([float(apart[rows].mean()) for rows in resamples(clusters)]),
        "ci by conversation": interval(
            [float(apart[rows].mean()) for rows in resamples(list(templates)[: len(apart)])]
        ),
        "templates": len(set(clusters)),
        "same": sum(one == other for one, other in zip(before, after, strict=True)),
        "words": [float(np.mean([len(text.split()) for text in texts])) for texts in (before, after)],
        "unsupported": lacking,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder for everything it makes")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--steps", type=int, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    main()
