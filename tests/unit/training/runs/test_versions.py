"""Making a version of an adapter or of full weights: merged as it was trained, converted, registered."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from transformers import AutoModelForSeq2SeqLM

from assistant.engine.backends import BACKENDS
from assistant.engine.tokens import ModelTokenizer
from assistant.errors import ModelDamaged, UsageError
from assistant.models import registry
from assistant.models.exporting import export
from assistant.models.registry import choose_backend, list_models, resolve
from assistant.models.versions import VersionFacts, policy_of, read_facts
from assistant.records import GenerationSettings, ModelVersion
from assistant.settings import load_settings
from tests.tiny_models import LESSONS, build_tiny_model
from training.runs import versions
from training.runs.versions import make_version

# peft asks transformers by names that transformers has since changed, and looks for the base's card on the Hub.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:peft"),
]

FACTS = VersionFacts(base="pocket", method="lora", run="sft-1")
SOURCE = next(iter(LESSONS))


@pytest.fixture(params=[False])
def pocket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """A pocket of the test's own, shaped as FLAN-T5 unless a test asks for tied embeddings too."""
    folder = build_tiny_model(tmp_path / "bundled", tied=request.param)
    monkeypatch.setattr(registry, "_BUNDLED", folder)
    return resolve("pocket", load_settings())


def adapt(base: Path, out: Path) -> Path:
    """A LoRA adapter with random weights that change what the model says."""
    torch.manual_seed(1)
    shape = LoraConfig(task_type="SEQ_2_SEQ_LM", r=4, lora_alpha=8, target_modules=["q", "v"])
    model = get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(base), shape)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.02)
    model.save_pretrained(out)
    return out


def logits(model: torch.nn.Module, folder: Path) -> torch.Tensor:
    ids = torch.tensor([ModelTokenizer(folder).encode(SOURCE)])
    with torch.inference_mode():
        found: torch.Tensor = model.eval()(input_ids=ids, labels=ids[:, :8]).logits
    return found


@pytest.mark.parametrize("pocket", [True, False], ids=["tied", "untied"], indirect=True)
def test_a_version_says_what_base_and_adapter_said(pocket: ModelVersion, tmp_path: Path) -> None:
    adapter = adapt(Path(pocket.folder), tmp_path / "adapter")
    (adapter / "value_head.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    version = make_version(pocket, FACTS, adapter=adapter)
    base = AutoModelForSeq2SeqLM.from_pretrained(pocket.folder)
    plain = logits(base, Path(pocket.folder))
    unmerged = logits(PeftModel.from_pretrained(base, str(adapter)), Path(pocket.folder))
    merged = logits(AutoModelForSeq2SeqLM.from_pretrained(version.folder), Path(version.folder))
    assert (unmerged - plain).abs().max() > 1e-3  # the adapter does something
    torch.testing.assert_close(merged, unmerged, atol=2e-5, rtol=1e-4)
    # It is served from the conversion that lies in its folder, and the adapter can be trained further.
    assert version.converted == f"{version.folder}/ctranslate"
    facts = read_facts(version.ref)
    assert facts is not None
    assert (facts.adapter, facts.method, facts.run) == (True, "lora", "sft-1")
    again, kept = policy_of(version, load_settings())
    assert again == pocket
    assert kept is not None
    assert (kept / "value_head.safetensors").exists()
    reloaded = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(again.folder), str(kept))
    assert torch.equal(logits(reloaded, Path(pocket.folder)), unmerged)


def test_no_adapter_is_put_on_a_merged_one(pocket: ModelVersion, tmp_path: Path) -> None:
    adapter = adapt(Path(pocket.folder), tmp_path / "adapter")
    version = make_version(pocket, FACTS, adapter=adapter)
    with pytest.raises(UsageError, match="has an adapter already"):
        make_version(version, FACTS, adapter=adapter)


def test_a_kept_adapter_names_its_base_by_reference(pocket: ModelVersion, tmp_path: Path) -> None:
    version = make_version(pocket, FACTS, adapter=adapt(Path(pocket.folder), tmp_path / "adapter"))
    kept = json.loads((Path(version.folder) / "adapter" / "adapter_config.json").read_bytes())
    assert kept["base_model_name_or_path"] == pocket.ref


def test_full_weights_become_a_base_of_their_own(pocket: ModelVersion, tmp_path: Path) -> None:
    tuned = build_tiny_model(tmp_path / "tuned", seed=5)
    version = make_version(pocket, FACTS, weights=tuned)
    assert policy_of(version, load_settings()) == (version, None)
    assert torch.equal(
        logits(AutoModelForSeq2SeqLM.from_pretrained(version.folder), tuned),
        logits(AutoModelForSeq2SeqLM.from_pretrained(tuned), tuned),
    )


def test_what_changes_in_merging_or_converting_is_not_registered(
    pocket: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapt(Path(pocket.folder), tmp_path / "adapter")
    (adapter / "adapter_config.json").rename(tmp_path / "aside.json")
    with pytest.raises(ModelDamaged, match=r"adapter_config\.json"):
        make_version(pocket, FACTS, adapter=adapter)
    (tmp_path / "aside.json").rename(adapter / "adapter_config.json")
    monkeypatch.setattr(versions, "MERGE_TOLERANCE", -1.0)
    with pytest.raises(ModelDamaged, match="merging"):
        make_version(pocket, FACTS, adapter=adapter)
    assert [model.ref for model in list_models() if model.kind == "version"] == []


def test_a_soft_prompt_is_served_before_every_text(pocket: ModelVersion, tmp_path: Path) -> None:
    base = Path(pocket.folder)
    shape = PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=4, num_transformer_submodules=1)
    torch.manual_seed(2)
    model = get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(base), shape)
    model.save_pretrained(tmp_path / "adapter")
    version = make_version(pocket, FACTS, adapter=tmp_path / "adapter")
    assert version.soft_prompt
    assert choose_backend(load_settings(), version) == "transformers"
    with pytest.raises(UsageError, match="only the backend transformers"):
        BACKENDS["ctranslate"](version, 1, lambda progress: None)
    # The weights are the base's own, not a second copy.
    assert (Path(version.folder) / "model.safetensors").samefile(base / "model.safetensors")
    served = BACKENDS["transformers"](version, 1, lambda progress: None)
    plain = BACKENDS["transformers"](pocket, 1, lambda progress: None)
    target = LESSONS[SOURCE]
    tokens = ModelTokenizer(base)
    ids, labels = torch.tensor([tokens.encode(SOURCE)]), torch.tensor([tokens.encode(target)])
    with torch.inference_mode():
        # peft as the reference: it puts the vectors before the text itself.
        found = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).logits
    expected = torch.log_softmax(found[0], -1)[range(labels.shape[1]), labels[0]].tolist()
    # In a batch with a longer text, so that padding has its say.
    assert served.score([SOURCE, SOURCE * 2], [target, target])[0] == pytest.approx(expected, abs=1e-4)
    assert plain.score([SOURCE], [target])[0] != pytest.approx(expected, abs=1e-2)
    greedy = GenerationSettings(decoding="greedy", max_new_tokens=8)
    assert served.generate([SOURCE], greedy, 0)[0][0].tokens <= 8
    place = export(version, tmp_path / "out", "merged")
    assert resolve(str(place), load_settings()).soft_prompt == str(place / "adapter")
    shutil.rmtree(place)
