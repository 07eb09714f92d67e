"""An encoder-decoder model that serves as policy, reference and value head.

One set of base weights carries several LoRA adapters (Hu et al. 2021, by peft): `policy` is trained, `reference` is the
frozen original for the KL penalty, and the optional `value` is for the value head only. Switching adapters saves the
memory of a second model for the reference.

If only decoder adapters are trained, policy, reference and value share the encoder's output. Each conversation is then
encoded once per run, as far as memory allows, and reused in every rollout, reference pass and epoch.

Shapes: source (batch, source), encoded (batch, source, width), tokens and mask (batch, time). `mask` is True on the
tokens of a response, EOS included. Padding is on the right.
"""

import hashlib
import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Stack
from transformers.utils import logging

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import ModelMissing, UsageError
from assistant.models.folder import SPEAKER_TAGS

POLICY, REFERENCE, VALUE = "policy", "reference", "value"
VALUE_HEAD_FILE = "value_head.safetensors"
_CACHE = "cache" if "cache" in inspect.signature(T5Stack.forward).parameters else "past_key_values"
"""Name of the decoder's cache argument, which transformers 5.24 renamed."""
_SHRINK_BELOW = 0.75
"""Finished responses leave the batch once at most this share is unfinished. Shrinking copies the attention caches."""
_MOST_KEPT = 1 << 27
"""Most encoder outputs to keep, as a count of float32 numbers: 512 MiB."""


@dataclass(frozen=True, slots=True)
class LoraShape:
    """The shape of a fresh adapter, for a model that has none."""

    rank: int
    alpha: int
    targets: Sequence[str]


@dataclass(frozen=True, slots=True)
class TokenEvaluation:
    """Log-probabilities, values and entropies (in nats) at given tokens; (batch, time), 0 on padding."""

    logprobs: torch.Tensor
    values: torch.Tensor
    entropy: torch.Tensor


class Policy:
    """A model with adapters and a value head. Dropout is always off, so that ratios start at 1."""

    def __init__(
        self, model: Any, tokenizer: ModelTokenizer, *, trains_encoder: bool, value_adapter: bool, temperature: float
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.trains_encoder = trains_encoder
        self.temperature = temperature
        self._value_adapter: str = VALUE if value_adapter else POLICY
        self._base = model.get_base_model()
        settings = self._base.config
        self._scale = settings.d_model**-0.5 if settings.scale_decoder_outputs else 1.0
        self.speaker_tags: tuple[str, ...] = tuple(getattr(settings, SPEAKER_TAGS, ()))
        """Tags that replace speakers' names in the model's input."""
        self.start: int = settings.decoder_start_token_id
        self.end: int = settings.eos_token_id
        self.pad: int = settings.pad_token_id
        # With zero weights, untrained values equal the bias and add no noise to the advantages.
        self.value_head = torch.nn.Linear(settings.d_model, 1)
        torch.nn.init.zeros_(self.value_head.weight)
        torch.nn.init.zeros_(self.value_head.bias)
        self.value_head.to(self._base.device)
        self._read: dict[tuple[int, ...], torch.Tensor] = {}
        self._room = _MOST_KEPT
        model.eval()
        self._trainable = self._find_trainable(value_adapter)
        self._activate(POLICY)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.value_head.weight.device

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """Return the trained parameters by name: adapter weights, then the value head."""
        heads = {f"value_head.{name}": value for name, value in self.value_head.named_parameters()}
        return self._trainable | heads

    def encode(self, source: torch.Tensor, source_mask: torch.Tensor, adapter: str = POLICY) -> torch.Tensor:
        """Return the encoder's output, (batch, source, width)."""
        with self._using(adapter):
            output = self._base.get_encoder()(input_ids=source, attention_mask=source_mask)
        encoded: torch.Tensor = output.last_hidden_state
        return encoded

    @torch.no_grad()
    def encode_once(self, ids: Sequence[int]) -> torch.Tensor:
        """Return the frozen encoder's output for one prompt, (tokens, width). Outputs are cached as far as memory
        allows, because a run reads the same few hundred prompts again and again.
        """
        key = tuple(ids)
        if (known := self._read.get(key)) is not None:
            return known
        source = torch.tensor([key], device=self.device)
        states = self.encode(source, torch.ones_like(source))[0]
        if states.numel() <= self._room:
            self._room -= states.numel()
            self._read[key] = states
        return states

    def evaluate_tokens(
        self,
        encoded: torch.Tensor,
        source_mask: torch.Tensor,
        tokens: torch.Tensor,
        mask: torch.Tensor,
        with_entropy: bool = True,
    ) -> TokenEvaluation:
        """Evaluate the tokens under the policy. The values are those of the states before each token."""
        hidden = self._decode(encoded, source_mask, tokens, mask)
        logprobs, entropy = self._logprobs(hidden, tokens[mask], with_entropy)
        if self._value_adapter == VALUE:
            with self._using(VALUE):
                hidden = self._decode(encoded, source_mask, tokens, mask)
        values = self.value_head(hidden.float()).squeeze(-1)
        return TokenEvaluation(*(_spread(flat, mask) for flat in (logprobs, values, entropy)))

    @torch.no_grad()
    def reference_logprobs(
        self, encoded: torch.Tensor, source_mask: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the tokens' log-probabilities under the frozen reference."""
        with self._using(REFERENCE):
            hidden = self._decode(encoded, source_mask, tokens, mask)
            logprobs, _ = self._logprobs(hidden, tokens[mask], with_entropy=False)
        return _spread(logprobs, mask)

    @torch.no_grad()
    def generate(
        self, encoded: torch.Tensor, source_mask: torch.Tensor, length: int, noise: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Generate tokens (batch, length) and their mask: sampled with `noise` (batch, length) in [0, 1), or greedily
        without noise.

        A response depends on its own row of noise only, not on the other rows of its batch.
        """
        rows = torch.arange(len(encoded), device=encoded.device)
        tokens = torch.full((len(encoded), length), self.pad, device=encoded.device)
        mask = torch.zeros_like(tokens, dtype=torch.bool)
        going = torch.ones_like(rows, dtype=torch.bool)
        latest, cache = torch.full_like(rows, self.start), None
        for time in range(length):
            output = self._base.get_decoder()(
                input_ids=latest[:, None],
                encoder_hidden_states=encoded,
                encoder_attention_mask=source_mask,
                use_cache=True,
                **{_CACHE: cache},
            )
            cache = output.past_key_values
            latest = _draw(self._logits(output.last_hidden_state[:, -1]), None if noise is None else noise[rows, time])
            tokens[rows[going], time] = latest[going]
            mask[rows[going], time] = True
            going = going & (latest != self.end)
            left = int(going.sum())
            if not left:
                break
            if left <= _SHRINK_BELOW * len(rows):
                kept = going.nonzero().flatten()
                rows, latest, going = rows[kept], latest[kept], going[kept]
                encoded, source_mask = encoded[kept], source_mask[kept]
                cache.batch_select_indices(kept)
        return tokens, mask

    def texts(self, tokens: torch.Tensor, mask: torch.Tensor) -> list[str]:
        """Return the responses as text, without special tokens."""
        rows = zip(tokens, mask, strict=True)
        return [self.tokenizer.decode(row[kept].tolist()) for row, kept in rows]

    def token_ids(self, text: str) -> list[int]:
        """Tokenize a text, with EOS."""
        return self.tokenizer.encode(text)

    def save(self, folder: Path, with_values: bool = True) -> None:
        """Write the policy's adapter in peft's format and, if `with_values`, the value head beside it."""
        with warnings.catch_warnings():
            # peft looks for the base model's card on the Hub, and warns when offline.
            warnings.filterwarnings("ignore", category=UserWarning, module="peft")
            self.model.save_pretrained(str(folder), selected_adapters=[POLICY])
        nested = folder / POLICY
        if with_values:
            save_file(self.value_head.state_dict(), nested / VALUE_HEAD_FILE)
        for file in nested.iterdir():
            file.replace(folder / file.name)
            (folder / file.name).chmod(0o600)
        nested.rmdir()
        (folder / "README.md").chmod(0o600)

    def fingerprint(self) -> str:
        """Return a digest of the frozen weights, including the reference adapter."""
        digest = hashlib.blake2b(digest_size=16)
        for name, parameter in sorted(self.model.named_parameters()):
            if name not in self._trainable:
                digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def _find_trainable(self, value_adapter: bool) -> dict[str, torch.nn.Parameter]:
        names = [f".{POLICY}."] + [f".{VALUE}."] * value_adapter
        found = {}
        for name, parameter in self.model.named_parameters():
            trained = any(part in name for part in names) and (self.trains_encoder or ".decoder." in name)
            parameter.requires_grad_(trained)
            if trained:
                found[name] = parameter
        if not found:
            raise UsageError("the adapter has no weights in the decoder; set adapt to 'all'")
        return found

    @contextmanager
    def _using(self, adapter: str) -> Iterator[None]:
        if adapter == POLICY:
            yield
            return
        self._activate(adapter)
        try:
            yield
        finally:
            self._activate(POLICY)

    def _activate(self, adapter: str) -> None:
        self.model.base_model.set_adapter(adapter)
        # peft enables gradients for the active adapter only; restore them for the trained parameters.
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name in self._trainable)

    def _decode(
        self, encoded: torch.Tensor, source_mask: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the decoder's hidden states before each token of the responses, (True entries of the mask, width)."""
        inputs = torch.cat([torch.full_like(tokens[:, :1], self.start), tokens[:, :-1]], dim=1)
        output = self._base.get_decoder()(
            input_ids=inputs, encoder_hidden_states=encoded, encoder_attention_mask=source_mask, use_cache=False
        )
        hidden: torch.Tensor = output.last_hidden_state[mask]
        return hidden

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._base.get_output_embeddings()(hidden * self._scale)
        return logits.float() / self.temperature

    def _logprobs(
        self, hidden: torch.Tensor, chosen: torch.Tensor, with_entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self._logits(hidden)
        normalizer = logits.logsumexp(dim=-1)
        logprobs = logits.gather(-1, chosen[:, None]).squeeze(-1) - normalizer
        if not with_entropy:
            return logprobs, torch.zeros_like(logprobs)
        return logprobs, normalizer - (logits.softmax(dim=-1) * logits).sum(dim=-1)


def load_policy(
    model: Path,
    adapter: Path | None,
    lora: LoraShape,
    *,
    trains_encoder: bool,
    value_adapter: bool,
    temperature: float,
    dtype: str,
    device: str,
    seed: int,
) -> Policy:
    """Load the model with two copies of the adapter, or of a fresh one: one to train, one as the frozen reference."""
    if not (model / "config.json").is_file():
        raise ModelMissing(f"no model at {model}")
    kind = AutoConfig.from_pretrained(model).model_type
    if kind not in ("t5", "mt5"):
        raise UsageError(f"{model.name} is a {kind!r} model; PPO here trains T5 models")
    logging.disable_progress_bar()
    base = T5ForConditionalGeneration.from_pretrained(model, local_files_only=True, dtype=getattr(torch, dtype))
    names = [POLICY, REFERENCE] + [VALUE] * value_adapter
    # Initialize adapters under the run's seed without changing the caller's random state.
    with torch.random.fork_rng(), warnings.catch_warnings():
        # peft uses a name that transformers has deprecated.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)
        torch.manual_seed(seed)
        wrapped = _fresh(base, lora, trains_encoder, names) if adapter is None else _copied(base, adapter, names)
    policy = Policy(
        wrapped.to(device),
        ModelTokenizer(model),
        trains_encoder=trains_encoder,
        value_adapter=value_adapter,
        temperature=temperature,
    )
    if adapter is not None and (adapter / VALUE_HEAD_FILE).is_file():
        policy.value_head.load_state_dict(load_file(adapter / VALUE_HEAD_FILE, device=device))
    return policy


def _fresh(base: T5ForConditionalGeneration, lora: LoraShape, trains_encoder: bool, names: Sequence[str]) -> PeftModel:
    ends = "|".join(lora.targets)
    settings = LoraConfig(
        task_type="SEQ_2_SEQ_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        target_modules=rf".*\.({ends})" if trains_encoder else rf"decoder\..*\.({ends})",
    )
    model: PeftModel = get_peft_model(base, settings, adapter_name=POLICY)
    for name in names[1:]:
        model.add_adapter(name, settings)
    with torch.no_grad():
        weights = dict(model.named_parameters())
        for place, weight in weights.items():
            for name in names[1:]:
                if f".{POLICY}." in place:
                    weights[place.replace(f".{POLICY}.", f".{name}.")].copy_(weight)
    return model


def _copied(base: T5ForConditionalGeneration, adapter: Path, names: Sequence[str]) -> PeftModel:
    if not (adapter / "adapter_config.json").is_file():
        raise ModelMissing(f"no adapter at {adapter}")
    if (kind := PeftConfig.from_pretrained(str(adapter))).is_prompt_learning:
        raise UsageError(f"{adapter} is a soft prompt ({kind.peft_type.value}); PPO trains adapters such as LoRA's")
    model = PeftModel.from_pretrained(base, str(adapter), adapter_name=POLICY, is_trainable=True)
    for name in names[1:]:
        model.load_adapter(str(adapter), adapter_name=name, is_trainable=False)
    return model


def _draw(logits: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
    """Return the token (batch,) at which the cumulative probability passes the noise (batch,). Without noise, return
    the most likely token.
    """
    if noise is None:
        return logits.argmax(dim=-1)
    cumulative = logits.softmax(dim=-1).cumsum(dim=-1)
    wanted = noise[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, wanted, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)


def _spread(flat: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Put one number per True entry of the mask in its place, (batch, time), with 0 elsewhere."""
    return torch.zeros(mask.shape, dtype=flat.dtype, device=flat.device).masked_scatter(mask, flat)
