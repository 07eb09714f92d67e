"""What a policy in training would answer once it is served."""

from pathlib import Path

import pytest
import torch

from assistant.models.registry import list_models, resolve
from assistant.models.versions import VersionFacts
from assistant.records import GenerationSettings, ModelVersion
from assistant.settings import Settings, load_settings
from training.ppo.policy import LoraShape, Policy, load_policy
from training.rlhf.gate_measurements import Writer
from training.rlhf.served_policy import Served
from training.runs.versions import make_version

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:peft"),
]

PROMPTS = [f"Maya: The review {n} moves to Friday." for n in range(4)]
BEAMS = GenerationSettings(decoding="beam", beams=4, max_new_tokens=8, drafts=1, seed=3)


def moved(base: ModelVersion, seed: int) -> Policy:
    """A policy whose adapter changes what the model says."""
    policy = load_policy(
        *(Path(base.folder), None, LoraShape(4, 8, ("q", "v"))),
        **{"trains_encoder": True, "value_adapter": False, "temperature": 1.0},
        **{"dtype": "float32", "device": "cpu", "seed": 1},
    )
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in policy.trainable().items():
            if "lora_" in name:
                weight.normal_(std=0.3)
    return policy


def test_a_policy_answers_as_the_version_made_of_it_would(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = resolve(str(model), load_settings())
    writer = Writer(Settings(), lambda: True)  # a stop is asked for all the while
    try:
        served = Served(writer, base, tmp_path / "serving", BEAMS)
        first, second = (served(moved(base, seed), PROMPTS) for seed in (1, 2))
        # One after the other in one folder, and neither is what the base or the other says.
        plain = [texts[0] for texts in writer.write(base, PROMPTS, BEAMS, may_stop=False)]
        assert first != plain
        assert first != second
        assert not (tmp_path / "serving").exists()
        assert not [version for version in list_models() if version.kind == "version"]

        moved(base, 2).save(tmp_path / "adapter")
        version = make_version(base, VersionFacts(base=base.ref, method="ppo"), adapter=tmp_path / "adapter")
        assert second == [texts[0] for texts in writer.write(version, PROMPTS, BEAMS, may_stop=False)]
    finally:
        writer.close()
