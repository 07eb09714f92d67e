"""Small trained heads in NumPy: the reward, and toxicity. Torch-free; training fits them with the same code.

A reward is a sum: weights of features of the text (`features`), of who said what (`roles`), of all-MiniLM's vector of
the answer if it has such weights, and the score of a tuned encoder if it has one. It is calibrated: the probability
that people prefer one answer over another is the logistic function of the difference of scores. People judge answers in
a chat differently from summaries, so a reward may have weights for each kind.

    heads/reward/, rewards/r1/     reward.json (facts and figures)  head.safetensors (weights)
                                   model.safetensors config.json tokenizer.json ctranslate/ (a tuned encoder, if any)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from assistant.errors import ModelDamaged, ModelMissing
from assistant.files import write_atomically
from assistant.locations import ensure_dir, rewards_dir
from assistant.scoring.coverage import coverage
from assistant.scoring.encoder import Encoder, open_minilm, open_tuned
from assistant.scoring.faithfulness.contradiction import contradictions
from assistant.scoring.faithfulness.roles import MEASURES, role_features
from assistant.scoring.features import NAMES, feature_rows
from assistant.scoring.kinds import KINDS, Kind, kind_of

Rows = NDArray[np.float64]

WARM = "warm"
"""The bundled reward, trained on pairs that no person judged."""
NEWEST = "newest"
_FACTS, _WEIGHTS = "reward.json", "head.safetensors"
_BUNDLED = Path(__file__).parents[1] / "models" / "heads"
ROLES = "roles"
COVERAGE = "coverage"
CONTRADICTIONS = "contradictions"
COLUMNS = (ROLES, COVERAGE, CONTRADICTIONS, *NAMES)
"""The columns that a linear head weighs, in order."""
_SURE_OF_ROLES = 4.0
"""The limit of the roles column, which sums over mentions; 99 % of DialogSum's summaries stay below 3.2."""


class RewardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a reward version: how and from what it was trained, and how well it distinguishes answers.

    `sources` are the ids of its training judgements in the store. `figures` are those of the training report. `window`
    is the tuned encoder's, 0 if there is none; the encoder does not score the kinds in `untaught`.
    """

    ref: str
    created: str
    method: str
    base: str
    columns: tuple[str, ...]
    role_keys: tuple[str, ...]
    window: int = 0
    untaught: tuple[str, ...] = ()
    warm: str = ""
    data_hash: str = ""
    config: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoleHead:
    """The weights of the roles: `weights` is (keys, len(MEASURES))."""

    keys: tuple[str, ...]
    weights: NDArray[np.float32]
    _table: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for key, row in zip(self.keys, self.weights, strict=True):
            self._table.update({f"{key}|{name}": float(value) for name, value in zip(MEASURES, row, strict=True)})

    def score(self, conversation: str, text: str) -> float:
        """Return a score above 0 if the people named did what the text says, below 0 if others did; 0 if nobody is
        named.
        """
        found = role_features(text, conversation)
        return sum(self._table.get(key, 0.0) * value for key, value in found.items())

    def fit(self, conversation: str, text: str) -> float:
        """Return the score squashed to between -1 and 1, so that naming people repeatedly gains nothing."""
        return math.tanh(self.score(conversation, text) / 2)


def columns_of(roles: RoleHead, pairs: Sequence[tuple[str, str]]) -> Rows:
    """Return COLUMNS for each (conversation, text), shape (n, len(COLUMNS))."""
    said = np.clip([roles.score(*pair) for pair in pairs], -_SURE_OF_ROLES, _SURE_OF_ROLES).reshape(-1, 1)
    held = [(coverage(*pair), contradictions(*pair)) for pair in pairs]
    return np.hstack([said, np.array(held, dtype=np.float64).reshape(-1, 2), feature_rows(pairs)])


@dataclass(frozen=True, slots=True)
class LinearHead:
    """The weights of COLUMNS, and of all-MiniLM's vector of the answer if it is used. `members` are heads fitted to
    other samples of the conversations; their disagreement shows where ratings are too few.
    """

    weights: Rows
    bias: float = 0.0
    vector: Rows | None = None
    members: tuple["LinearHead", ...] = ()

    def score(self, columns: Rows, vectors: Rows | None) -> Rows:
        """(n, len(COLUMNS)) and (n, width) -> (n,). `vectors` are only needed by a head with weights for them."""
        total: Rows = columns @ self.weights + self.bias
        return total if self.vector is None or vectors is None else total + vectors @ self.vector

    def doubt(self, columns: Rows, vectors: Rows | None) -> Rows:
        """Return the standard deviation of the members' scores, (n,); 0 without members."""
        if not self.members:
            return np.zeros(len(columns))
        return np.asarray(np.std([one.score(columns, vectors) for one in self.members], axis=0), dtype=np.float64)

    def tensors(self, start: str = "") -> dict[str, NDArray[Any]]:
        """Return the tensors for `write_reward`, their names prefixed with `start`."""
        found: dict[str, NDArray[Any]] = {f"{start}weights": self.weights, f"{start}bias": np.array([self.bias])}
        if self.vector is not None:
            found[f"{start}vector"] = self.vector
        for place, member in enumerate(self.members):
            found |= member.tensors(f"{start}{place}.")
        return found

    @classmethod
    def of(cls, tensors: dict[str, NDArray[Any]], start: str = "") -> "LinearHead":
        """Rebuild a head from the result of `tensors`."""
        vector = tensors.get(f"{start}vector")
        members = takewhile(lambda place: f"{start}{place}.weights" in tensors, count())
        return cls(
            tensors[f"{start}weights"].astype(np.float64),
            float(tensors[f"{start}bias"][0]),
            None if vector is None else vector.astype(np.float64),
            tuple(cls.of(tensors, f"{start}{place}.") for place in members),
        )


class Reward:
    """A loaded reward version."""

    def __init__(self, folder: Path, facts: RewardFacts, tensors: dict[str, NDArray[Any]], threads: int = 0) -> None:
        self.folder = folder
        self.facts = facts
        self.roles = RoleHead(facts.role_keys, tensors["roles"].astype(np.float32))
        self.heads = {kind: LinearHead.of(tensors, f"{kind}.") for kind in KINDS if f"{kind}.weights" in tensors}
        self.rest = LinearHead.of(tensors)
        self._encoder_head = {name: value for name, value in tensors.items() if name.startswith("encoder.")}
        self._threads = threads
        self._minilm: Encoder | None = None
        self._tuned: Encoder | None = None

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return the reward of each (conversation, answer)."""
        if not pairs:
            return []
        total = by_head(LinearHead.score, *self._read(pairs))
        taught = [n for n, (talk, _) in enumerate(pairs) if kind_of(talk) not in self.facts.untaught]
        if self.facts.window and taught:
            total[taught] += self._tuned_scores([pairs[n] for n in taught])
        return [float(value) for value in total]

    def doubt(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return the disagreement of the reward's members on each (conversation, answer): the standard deviation of
        their scores, 0 for a reward without members.
        """
        return [float(value) for value in by_head(LinearHead.doubt, *self._read(pairs))] if pairs else []

    def _read(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[LinearHead], Rows, Rows | None]:
        heads = [self.head(kind_of(conversation)) for conversation, _ in pairs]
        has_vectors = any(head.vector is not None for head in heads)
        vectors = self._vectors([answer for _, answer in pairs]) if has_vectors else None
        return heads, columns_of(self.roles, pairs), vectors

    def head(self, kind: Kind) -> LinearHead:
        """Return the head for answers of that kind."""
        return self.heads.get(kind, self.rest)

    def _vectors(self, texts: Sequence[str]) -> Rows:
        if self._minilm is None:
            self._minilm = open_minilm(self._threads)
        return self._minilm.embed(texts).astype(np.float64)

    def _tuned_scores(self, pairs: Sequence[tuple[str, str]]) -> Rows:
        if self._tuned is None:
            self._tuned = open_tuned(self.folder, self._threads)
        states: Rows = self._tuned.read_pairs(pairs, self.facts.window).astype(np.float64)
        return apply_encoder_head(self._encoder_head, states)


Measure = Callable[[LinearHead, Rows, Rows | None], Rows]


def by_head(measure: Measure, heads: Sequence[LinearHead], columns: Rows, vectors: Rows | None) -> Rows:
    """Return the measure of each row by its head, (n,)."""
    found = np.zeros(len(columns))
    for head in {id(head): head for head in heads}.values():
        own = np.array([one is head for one in heads])
        found[own] = measure(head, columns[own], None if vectors is None else vectors[own])
    return found


def apply_encoder_head(tensors: dict[str, NDArray[Any]], states: Rows) -> Rows:
    """Return the score of a sequence-classification head: dense layer, activation, output layer; (n, width) -> (n,)."""
    hidden = states @ tensors["encoder.dense.weight"].T.astype(np.float64) + tensors["encoder.dense.bias"]
    hidden = np.tanh(hidden) if tensors["encoder.tanh"][0] else np.maximum(hidden, 0.0)
    scored: Rows = hidden @ tensors["encoder.out.weight"][0].astype(np.float64) + float(tensors["encoder.out.bias"][0])
    return scored * float(tensors["encoder.scale"][0])


def load_head(ref: str, threads: int = 0) -> Reward:
    """Load the reward of that name: `warm`, a version such as `r1`, `newest`, or a folder.

    Raises ModelMissing if there is none, ModelDamaged for invalid files.
    """
    folder = find_reward(ref)
    try:
        facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=RewardFacts)
        tensors = _by_columns(load_file(folder / _WEIGHTS), facts.columns)
        reward = Reward(folder, facts, tensors, threads)
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ModelDamaged(f"the reward in {folder} cannot be read: {error}") from error
    return reward


def _by_columns(tensors: dict[str, NDArray[Any]], columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the tensors with their weights in the order of COLUMNS; columns newer than the reward get weight 0.

    Raises ValueError for columns that no longer exist, KeyError for a reward without weights.
    """
    if gone := [column for column in columns if column not in COLUMNS]:
        raise ValueError(f"it weighs {', '.join(gone)}, which this version of Parley does not count: train it anew")
    places = [COLUMNS.index(column) for column in columns]
    found = dict(tensors)
    for name in (name for name in tensors if name.rpartition(".")[2] == "weights"):
        found[name] = np.zeros(len(COLUMNS))
        found[name][places] = tensors[name]
    return found


def find_reward(ref: str) -> Path:
    """Return the folder of a reward. Raises ModelMissing."""
    if ref == WARM:
        return _BUNDLED / "reward"
    versions = list_rewards()
    if ref == NEWEST:
        if not versions:
            raise ModelMissing("no reward was trained yet: assistant-train reward makes one; `warm` is the bundled one")
        return versions[-1]
    for folder in (rewards_dir() / ref, Path(ref).expanduser()):
        if ref and (folder / _FACTS).is_file():
            return folder
    known = ", ".join([WARM, *(folder.name for folder in versions)])
    raise ModelMissing(f"no reward {ref!r} on this machine; there are {known}")


def list_rewards() -> list[Path]:
    """Return the folders of trained rewards, oldest first."""
    numbered = [path for path in rewards_dir().glob("r*") if path.name[1:].isdigit() and (path / _FACTS).is_file()]
    return sorted(numbered, key=lambda path: int(path.name[1:]))


def default_reward() -> str:
    """Return the default reward: the newest trained here, else the bundled one."""
    return NEWEST if list_rewards() else WARM


def next_ref() -> str:
    """Return the name for the next reward. Numbers are not reused while the folder exists."""
    taken = [int(path.name[1:]) for path in rewards_dir().glob("r*") if path.name[1:].isdigit()]
    return f"r{max(taken, default=0) + 1}"


def write_reward(folder: Path, facts: RewardFacts, tensors: dict[str, NDArray[Any]]) -> None:
    """Write the weights, then the facts, whose file marks the folder as a reward."""
    ensure_dir(folder)
    half = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}
    draft = folder / f".{_WEIGHTS}.part"
    save_file(half, draft)
    draft.chmod(0o600)
    draft.replace(folder / _WEIGHTS)
    write_atomically(folder / _FACTS, msgspec.json.format(msgspec.json.encode(facts), indent=2))


class Toxicity:
    """Scores the probability that a text is hateful or offensive: a small network on all-MiniLM's vector."""

    def __init__(self, threads: int = 0) -> None:
        folder = _BUNDLED / "toxicity"
        try:
            self._layers = load_file(folder / _WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise ModelDamaged(f"the toxicity head in {folder} cannot be read: reinstall Parley") from error
        self._encoder = open_minilm(threads)

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the probability for each text."""
        return [float(value) for value in toxicity_of(self._layers, self._encoder.embed(texts).astype(np.float64))]


def toxicity_of(layers: dict[str, NDArray[Any]], vectors: Rows) -> Rows:
    """(n, width) -> (n,): one hidden ReLU layer, a logistic output."""
    hidden = np.maximum(vectors @ layers["hidden.weight"].T.astype(np.float64) + layers["hidden.bias"], 0.0)
    logits = hidden @ layers["out.weight"][0].astype(np.float64) + float(layers["out.bias"][0])
    shares: Rows = 1.0 / (1.0 + np.exp(-logits))
    return shares
