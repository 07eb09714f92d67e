"""The engines that take part in engines.py, one class each.

All except CTranslate2 and transformers run the networks of t5_networks.py in the same loop (`_Stepping`), so that only
the engine differs. Libraries are imported only by the classes that need them, or they would count in everyone's memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant.engine.recipe import load_float32, reference
from assistant.engine.tokens import ModelTokenizer
from assistant.records import GenerationSettings, ModelVersion

END, START = 1, 0
_BATCH = 16
"""Texts that transformers writes at a time."""


class Case(msgspec.Struct, frozen=True):
    """A request for exactly this many tokens for every prompt."""

    name: str
    prompts: list[str]
    decoding: Literal["greedy", "beam", "sample"]
    tokens: int

    @property
    def width(self) -> int:
        """The number of beams or samples per prompt."""
        return 1 if self.decoding == "greedy" else 4


class Racer(ABC):
    """A loaded engine."""

    @abstractmethod
    def write(self, case: Case) -> list[str]:
        """One text for every prompt, or the samples of a prompt."""

    @abstractmethod
    def score(self, prompt: str, completion: str) -> list[float]:
        """The log-probability, in nats, of every token of the completion."""

    def rest(self) -> None:  # noqa: B027 - most need nothing
        """Work between requests that is not timed."""


class CTranslate(Racer):
    """CTranslate2 as the assistant runs it, including its choice of threads."""

    def __init__(self, model: ModelVersion, files: Path, threads: int) -> None:
        from assistant.engine import ctranslate

        self._backend = ctranslate.load(model, 0, lambda progress: None)

    def write(self, case: Case) -> list[str]:
        settings = GenerationSettings(
            decoding=case.decoding,
            beams=4,
            drafts=case.width if case.decoding == "sample" else 1,
            max_new_tokens=case.tokens,
            min_new_tokens=case.tokens,
            no_repeat_ngram=0,
            seed=1,
        )
        drafts = [draft for row in self._backend.generate(case.prompts, settings, 1) for draft in row]
        assert {draft.tokens for draft in drafts} == {case.tokens}
        return [draft.text for draft in drafts]

    def score(self, prompt: str, completion: str) -> list[float]:
        return self._backend.score([prompt], [completion])[0]

    def rest(self) -> None:
        self._backend.prepare()


class Transformers(Racer):
    """transformers in float32 with sdpa, through `generate`."""

    def __init__(self, model: ModelVersion, files: Path, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch, folder = torch, Path(model.folder)
        self._model, self._tokenizer = load_float32(folder), ModelTokenizer(folder)

    def write(self, case: Case) -> list[str]:
        encoded = sorted((self._tokenizer.encode(prompt) for prompt in case.prompts), key=len)
        written: list[str] = []
        for start in range(0, len(encoded), _BATCH):
            ids, mask = _padded(encoded[start : start + _BATCH])
            is_sample = case.decoding == "sample"
            with self._torch.inference_mode():
                rows = self._model.generate(
                    input_ids=self._torch.from_numpy(ids),
                    attention_mask=self._torch.from_numpy(mask),
                    do_sample=is_sample,
                    num_beams=case.width if case.decoding == "beam" else 1,
                    num_return_sequences=case.width if is_sample else 1,
                    max_new_tokens=case.tokens,
                    min_new_tokens=case.tokens,
                    **({"top_k": GenerationSettings().top_k} if is_sample else {}),
                )
            assert rows.shape[1] == case.tokens + 1
            written += [self._tokenizer.decode(row) for row in rows[:, 1:].tolist()]
        return written

    def score(self, prompt: str, completion: str) -> list[float]:
        with self._torch.inference_mode():
            return reference(self._model, self._tokenizer.encode(prompt), self._tokenizer.encode(completion))


class _Stepping(Racer):
    """Writes with two networks: one reads prompts, one computes the next token's logits."""

    def __init__(self, model: ModelVersion) -> None:
        self._tokenizer = ModelTokenizer(Path(model.folder))
        self.config = msgspec.json.decode((Path(model.folder) / "config.json").read_bytes())

    @abstractmethod
    def read(self, ids: NDArray[np.int64], mask: NDArray[np.int64], width: int) -> None:
        """Read prompts, shape (prompts, pieces), each for `width` rows of text."""

    @abstractmethod
    def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Add a token to every row, and return the logits of the next one, shape (rows, vocabulary)."""

    @abstractmethod
    def reorder(self, rows: NDArray[np.int64]) -> None:
        """Continue with these rows."""

    def write(self, case: Case) -> list[str]:
        self.read(*_padded([self._tokenizer.encode(prompt) for prompt in case.prompts]), case.width)
        last = np.full(len(case.prompts) * case.width, START)
        rows = self._beam(last, case) if case.decoding == "beam" else self._lines(last, case)
        return [self._tokenizer.decode(row) for row in rows.tolist()]

    def score(self, prompt: str, completion: str) -> list[float]:
        ids = self._tokenizer.encode(completion)
        self.read(*_padded([self._tokenizer.encode(prompt)]), 1)
        logits = (self.step(np.array([token]))[0] for token in [START, *ids[:-1]])
        return [float(_log_softmax(row)[token]) for row, token in zip(logits, ids, strict=True)]

    def empty_cache(self, rows: int) -> Iterator[NDArray[np.float32]]:
        shape = (rows, self.config["num_heads"], 0, self.config["d_kv"])
        return (np.zeros(shape, np.float32) for _ in range(2 * self.config["num_decoder_layers"]))

    def _lines(self, last: NDArray[np.int64], case: Case) -> NDArray[np.int64]:
        """Continue each row independently: with the likeliest token, or with one sampled from the likeliest."""
        draw, top = np.random.default_rng(1), GenerationSettings().top_k
        written = []
        for _ in range(case.tokens):
            logits = _without_end(self.step(last))
            if case.decoding == "sample":
                best = np.argpartition(logits, -top, -1)[:, -top:]
                noisy = np.take_along_axis(logits, best, -1) + draw.gumbel(size=best.shape)
                last = np.take_along_axis(best, noisy.argmax(-1)[:, None], -1)[:, 0]
            else:
                last = logits.argmax(-1)
            written.append(last)
        return np.stack(written, -1)

    def _beam(self, last: NDArray[np.int64], case: Case) -> NDArray[np.int64]:
        """The likeliest of `width` beams for one prompt. All have the same length, so none finishes early."""
        scores, written = np.array([0.0] + [-np.inf] * (case.width - 1)), np.empty((case.width, 0), np.int64)
        for _ in range(case.tokens):
            totals = (scores[:, None] + _log_softmax(_without_end(self.step(last)))).ravel()
            best = np.argpartition(totals, -case.width)[-case.width :]
            scores, (parents, last) = totals[best], np.divmod(best, self.config["vocab_size"])
            written = np.concatenate([written[parents], last[:, None]], -1)
            self.reorder(parents)
        return written[[scores.argmax()]]


class TorchInt8(_Stepping):
    """torch's dynamic int8."""

    def __init__(self, model: ModelVersion, files: Path, threads: int) -> None:
        import torch

        from tests.benchmarks.t5_networks import Reader, Step

        super().__init__(model)
        torch.set_num_threads(threads)
        network, quantization = load_float32(Path(model.folder)), import_module("torch.ao.quantization")
        kinds = {torch.nn.Linear: quantization.per_channel_dynamic_qconfig}
        self._torch = torch
        self._reader, self._step = (
            quantization.quantize_dynamic(part, kinds) for part in (Reader(network), Step(network))
        )

    def read(self, ids: NDArray[np.int64], mask: NDArray[np.int64], width: int) -> None:
        given = [self._torch.from_numpy(one) for one in (ids, mask)]
        with self._torch.inference_mode():
            self._fixed = [part.repeat_interleave(width, 0) for part in (given[1], *self._reader(*given))]
        self._past = [self._torch.from_numpy(part) for part in self.empty_cache(len(ids) * width)]

    def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        with self._torch.inference_mode():
            logits, *self._past = self._step(self._torch.from_numpy(tokens), *self._fixed, *self._past)
        found: NDArray[np.float32] = logits.numpy()
        return found

    def reorder(self, rows: NDArray[np.int64]) -> None:
        self._past = [part[rows] for part in self._past]


class Onnx(_Stepping):
    """ONNX Runtime with the int8 files written by `_prepare_onnx`."""

    def __init__(self, model: ModelVersion, files: Path, threads: int) -> None:
        super().__init__(model)
        self._library = import_module("onnxruntime")
        options = self._library.SessionOptions()
        options.intra_op_num_threads = threads
        self._reader, self._step = (
            self._library.InferenceSession(files / f"{name}.int8.onnx", options, providers=["CPUExecutionProvider"])
            for name in ("reader", "step")
        )
        self._outputs = [output.name for output in self._step.get_outputs()]

    def read(self, ids: NDArray[np.int64], mask: NDArray[np.int64], width: int) -> None:
        cross = self._reader.run(None, {"ids": ids, "mask": mask})
        inputs = [mask, *cross]
        names = ["mask", *(f"cross_{i}" for i in range(len(cross)))]
        self._fixed = {name: self._value(part.repeat(width, 0)) for name, part in zip(names, inputs, strict=True)}
        self._past = [self._value(part) for part in self.empty_cache(len(ids) * width)]

    def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        past = {f"past_{i}": part for i, part in enumerate(self._past)}
        fed = {"tokens": self._value(tokens), **self._fixed, **past}
        logits, *self._past = self._step.run_with_ort_values(self._outputs, fed)
        found: NDArray[np.float32] = logits.numpy()
        return found

    def reorder(self, rows: NDArray[np.int64]) -> None:
        self._past = [self._value(part.numpy()[rows]) for part in self._past]

    def _value(self, array: NDArray[Any]) -> Any:
        return self._library.OrtValue.ortvalue_from_numpy(array)


class OpenVino(_Stepping):
    """OpenVINO with the int8 weights written by `_prepare_openvino`. The cache stays in the engine."""

    def __init__(self, model: ModelVersion, files: Path, threads: int) -> None:
        super().__init__(model)
        self._library = import_module("openvino")
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self._reader, self._step = (
            self._library.compile_model(files / f"{name}.xml", "CPU", options).create_infer_request()
            for name in ("reader", "step")
        )

    def read(self, ids: NDArray[np.int64], mask: NDArray[np.int64], width: int) -> None:
        self._reader.infer({"ids": ids, "mask": mask})
        self._step.reset_state()
        self._step.set_tensor("mask", self._library.Tensor(mask.repeat(width, 0)))
        for i in range(2 * self.config["num_decoder_layers"]):
            cross = self._reader.get_tensor(f"cross_{i}").data.repeat(width, 0)
            self._step.set_tensor(f"cross_{i}", self._library.Tensor(cross))
        self._order = np.arange(len(ids) * width)

    def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        self._step.infer({"tokens": tokens, "order": self._order})
        self._order = np.arange(len(tokens))
        found: NDArray[np.float32] = self._step.get_tensor("logits").data
        return found

    def reorder(self, rows: NDArray[np.int64]) -> None:
        self._order = rows


def _padded(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask, shape (rows, longest) each."""
    longest = max(len(row) for row in rows)
    ids = np.array([[*row, *[0] * (longest - len(row))] for row in rows])
    return ids, np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows])


def _without_end(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    logits = logits.copy()
    logits[:, END] = -np.inf
    return logits


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(-1, keepdims=True)
    found: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found


def _prepare_ctranslate(model: ModelVersion, files: Path) -> None:
    """Convert the model, and choose the threads, which is stored with the conversion."""
    CTranslate(model, files, 0)


def _prepare_onnx(model: ModelVersion, files: Path) -> None:
    from tests.benchmarks.t5_networks import export_onnx

    export_onnx(Path(model.folder), files)


def _prepare_openvino(model: ModelVersion, files: Path) -> None:
    from tests.benchmarks.t5_networks import export_openvino

    export_openvino(Path(model.folder), files)


class Entry(msgspec.Struct, frozen=True):
    """An engine in the race."""

    name: str
    load: Callable[[ModelVersion, Path, int], Racer]
    """Takes the model, the folder that `prepare` filled, and the number of threads."""
    prepare: Callable[[ModelVersion, Path], None] | None = None
    packages: tuple[str, ...] = ()
    chooses_threads: bool = False
    writes_64: bool = False


ENTRIES = {
    "transformers": Entry("transformers float32", Transformers, writes_64=True),
    "ctranslate": Entry("CTranslate2 int8", CTranslate, _prepare_ctranslate, chooses_threads=True, writes_64=True),
    "torch": Entry("torch int8", TorchInt8),
    "onnx": Entry("ONNX Runtime int8", Onnx, _prepare_onnx, ("onnx", "onnxruntime")),
    "openvino": Entry("OpenVINO int8", OpenVino, _prepare_openvino, ("openvino", "nncf")),
}
