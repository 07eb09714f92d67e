"""Generates with a policy in training as the assistant would serve it: merged, converted, with its settings.
Greedy answers of the training weights differ, because serving uses beam search and int8.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from assistant.records import GenerationSettings, ModelVersion
from training.ppo.policy import Policy
from training.rlhf.gate_measurements import Writer
from training.runs.versions import trying


class Served:
    """Answers with a policy whose adapter belongs to `base`. Each call assembles the model in `folder`."""

    def __init__(self, writer: Writer, base: ModelVersion, folder: Path, generation: GenerationSettings) -> None:
        self._writer, self._base, self._folder, self._generation = writer, base, folder, generation

    def __call__(self, policy: Policy, prompts: Sequence[str]) -> list[str]:
        """Return the policy's first draft for each prompt. Can't be interrupted, since that would lose the steps since
        the last checkpoint.
        """
        with tempfile.TemporaryDirectory() as adapter:
            policy.save(Path(adapter))
            with trying(self._base, Path(adapter), self._folder) as candidate:
                drafts = self._writer.write(candidate, prompts, self._generation, may_stop=False)
        return [texts[0] for texts in drafts]
