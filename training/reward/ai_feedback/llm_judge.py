"""A model as a judge: writes drafts, compares two of them, and revises one.

Each comparison is asked in both orders and counts only if both answers agree, because small models tend to prefer the
first option (Wang et al. 2023, "Large Language Models are not Fair Evaluators").
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from assistant.drafting.writing import write
from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.models.registry import choose, choose_backend, resolve
from assistant.prompts import DialogueTooLong, render
from assistant.records import GenerationSettings, ModelVersion
from assistant.settings import load_settings
from training.reward.ai_feedback.principles import Principle, Row
from training.reward.config import ConstitutionConfig
from training.runs.job import Report

_PROBES = 20
"""Conversations for testing a model, at most."""
_ANSWER = GenerationSettings(decoding="greedy", max_new_tokens=4)
_REVISION = GenerationSettings(decoding="greedy", max_new_tokens=128)
COMPARE = """{principles}

Conversation:
{conversation}

Summary A: {first}

Summary B: {second}

Which summary is better, A or B?
Answer: """
REVISE = """{principles}

Conversation:
{conversation}

Summary: {draft}

Rewrite the summary so that it keeps to the principles.
Better summary: """


class Asker(Protocol):
    """The requests of a judge to a model."""

    def draft(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows, with drafts added where missing. Conversations longer than the window are left out."""

    def probe(self, rows: Sequence[Row]) -> float:
        """Return the share of conversations whose draft the model tells from another one's draft, in both orders."""

    def compare(self, conversation: str, first: str, second: str, principles: Sequence[Principle]) -> float:
        """Return 1 for the first, -1 for the second, and 0 if the model's answers disagree or are unclear."""

    def revise(self, conversation: str, draft: str, principles: Sequence[Principle]) -> str:
        """Return the draft as revised by the model, or "" if it does not fit the window."""

    def close(self) -> None:
        """End the model's worker process."""


def open_asker(ref: str, config: ConstitutionConfig, report: Report) -> Asker:
    """Load the model named `ref`, or the current one, and return an asker for it."""
    settings = load_settings()
    model = resolve(ref, settings) if ref else choose(settings)[0]
    engine = Engine()
    try:
        engine.load(model, choose_backend(settings, model), 0)
    except BaseException:
        # Otherwise the worker process would keep running.
        engine.close()
        raise
    return ModelAsker(engine, model, config, report)


class ModelAsker:
    """Asks the model that the engine has loaded."""

    def __init__(self, engine: Engine, model: ModelVersion, config: ConstitutionConfig, report: Report) -> None:
        self._engine, self._model = engine, model
        self._config, self._report = config, report
        self._count = token_counter(model.folder)

    def draft(self, rows: Sequence[Row]) -> list[Row]:
        kept, prompts = [], []
        for row in rows:
            try:
                prompt = render(row.conversation, budget=self._model.window, count_tokens=self._count).text
            except DialogueTooLong:
                continue
            kept.append(row)
            prompts.append("" if row.drafts else prompt)
        wanted = [prompt for prompt in prompts if prompt]
        settings = GenerationSettings(decoding="sample", drafts=self._config.drafts, seed=self._config.seed)
        written = iter(write(self._engine, wanted, settings).drafts) if wanted else iter(())
        self._report({"step": len(wanted), "fraction": 0.5})
        return [
            replace(row, drafts=tuple(draft.text for draft in next(written))) if prompt else row
            for row, prompt in zip(kept, prompts, strict=True)
        ]

    def probe(self, rows: Sequence[Row]) -> float:
        chosen = [row for row in rows if row.drafts][:_PROBES]
        if len(chosen) < 2:
            return 0.0
        right = 0.0
        for place, row in enumerate(chosen):
            right += self.compare(row.conversation, row.drafts[0], chosen[place - 1].drafts[0], ()) > 0
        return right / len(chosen)

    def compare(self, conversation: str, first: str, second: str, principles: Sequence[Principle]) -> float:
        told = "\n".join(one.text for one in principles if one.text)
        prompts = [
            COMPARE.format(principles=told, conversation=conversation, first=one, second=other).strip()
            for one, other in ((first, second), (second, first))
        ]
        if max(map(self._count, prompts)) > self._model.window:
            return 0.0
        said = [drafts[0].text.strip().upper()[:1] for drafts in self._engine.generate(prompts, _ANSWER).drafts]
        return {("A", "B"): 1.0, ("B", "A"): -1.0}.get((said[0], said[1]), 0.0)

    def revise(self, conversation: str, draft: str, principles: Sequence[Principle]) -> str:
        told = "\n".join(one.text for one in principles if one.text)
        prompt = REVISE.format(principles=told, conversation=conversation, draft=draft).strip()
        if self._count(prompt) > self._model.window:
            return ""
        return self._engine.generate([prompt], _REVISION).drafts[0][0].text.strip()

    def close(self) -> None:
        self._engine.close()
