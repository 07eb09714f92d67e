"""What a policy in training would answer if it were served now: merged, converted, and asked as the assistant asks.
Greedy answers of the weights in training differ, because serving uses beams and int8.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from assistant.records import GenerationSettings, ModelVersion
from training.ppo.policy import Policy
from training.rlhf.gate_measurements import Writer
from training.runs.versions import trying


class Served:
    """Answers with a policy whose adapter lies on `base`, a draft of which is made in `folder` each time."""

    def __init__(self, writer: Writer, base: ModelVersion, folder: Path, generation: GenerationSettings) -> None:
        self._writer, self._base, self._folder, self._generation = writer, base, folder, generation

    def __call__(self, policy: Policy, prompts: Sequence[str]) -> list[str]:
        """The policy's first draft for each prompt. Not to be stopped: what was learnt since the last checkpoint would
        be lost.
        """
        with tempfile.TemporaryDirectory() as adapter:
            policy.save(Path(adapter))
            with trying(self._base, Path(adapter), self._folder) as candidate:
                drafts = self._writer.write(candidate, prompts, self._generation, may_stop=False)
        return [texts[0] for texts in drafts]
