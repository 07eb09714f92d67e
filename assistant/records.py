"""The shared nouns: frozen values without behaviour that every part of Parley passes on. The same names stand in the
database, the screens and the command line.

A *dialogue* is what people said, as *turns*. A *prompt* is the exact text that a model reads. A *completion* is what
a model wrote for it, with everything needed to write it again. A *model version* is a base plus exactly one adapter,
or none.
"""

from typing import Any, Literal

import msgspec


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every record."""


class Turn(Record, frozen=True):
    """What one speaker said in one go; `time` is as the source wrote it, empty where it gave none."""

    speaker: str
    text: str
    time: str = ""


class Dialogue(Record, frozen=True):
    """A conversation as read from a text.

    `format` names the row of the table of formats that read it. `left_out` counts lines that are no speech ("joined the
    group"), `kinds` how many of which kind. `label` says what the text is, such as "WhatsApp". `has_speakers` is False
    where the text named nobody and one narrator stands for all of it.
    """

    turns: tuple[Turn, ...]
    format: str
    has_speakers: bool = True
    left_out: int = 0
    kinds: dict[str, int] = {}
    label: str = ""

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who speaks, in order of appearance."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


Task = Literal["digest", "summary", "topic", "actions", "question", "instruction"]
"""What is written; "digest" is the only one that needs no model."""
Decoding = Literal["greedy", "beam", "sample"]
Faithful = Literal["off", "rerank", "ban"]
BackendName = Literal["ctranslate", "transformers"]


class GenerationSettings(Record, frozen=True):
    """How text is drawn from a model. The defaults are a short, deterministic summary."""

    decoding: Decoding = "beam"
    """`greedy` takes the most likely token each time, `beam` the most likely text, `sample` draws at random."""
    beams: int = 4
    """Beams of a beam search."""
    temperature: float = 0.7
    """Sampling temperature: below 1 more predictable, above 1 more varied."""
    top_k: int = 50
    """Sampling: draw from the k most likely tokens only; 0 for all."""
    top_p: float = 1.0
    """Sampling: draw from the most likely tokens that add up to this probability."""
    max_new_tokens: int = 128
    """Longest answer in tokens."""
    min_new_tokens: int = 1
    """Shortest answer in tokens."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that were already written become less likely."""
    no_repeat_ngram: int = 3
    """No run of this many tokens occurs twice; 0 for no limit."""
    length_penalty: float = 1.0
    """Divides a beam's score by length ** penalty (Wu et al. 2016, eq. 14, simplified as in both backends)."""
    drafts: int = 1
    """Texts to write for each prompt."""
    faithful: Faithful = "rerank"
    """Names and numbers that the conversation lacks: `rerank` prefers drafts without them, and forbids them if
    every draft has some; `ban` forbids them from the start; `off` allows them. With greedy decoding `rerank` forbids
    them too."""
    candidates: int = 4
    """Drafts that `rerank` chooses from."""
    seed: int | None = None
    """Seed for sampling. Without it, one is drawn and stored with the answer."""


class Prompt(Record, frozen=True):
    """The exact text that a model reads, and how it came about.

    `tokens` of `budget` are used. `shots` names the solved examples kept, `shots_dropped` counts those that did not
    fit. `version` is a hash of the template and shots, so that a change of wording is a change of version. `speakers`
    has the names that the model reads as tags: tag to name, empty where it reads the text as it stands here.
    """

    text: str
    mode: str
    task: Task
    phrasing: str
    tokens: int
    budget: int
    version: str
    shots: tuple[str, ...] = ()
    shots_dropped: int = 0
    speakers: dict[str, str] = {}


class Draft(Record, frozen=True):
    """One text written by a model. `score` is its mean log-probability a token where the backend gives one.

    `finished` is "end" where the model ended it, "length" where the token limit did, "cancelled" where the user did.
    """

    text: str
    tokens: int
    score: float | None = None
    finished: Literal["end", "length", "cancelled"] = "end"


QUOTE = "quote"
"""What stands for the model of an answer that no model wrote."""


class Completion(Record, frozen=True):
    """An answer as kept in the store: the exact prompt, the model version, the settings and the seed that reproduce it.

    `answer` is what is shown; `rationale` is the reasoning that a chain-of-thought answer wrote before it. `draft_of`
    groups the drafts of one request by the first one's id, `draft_index` orders them. A conversation longer than the
    model's window is answered in parts: each part is a completion whose `part_of` names the whole answer's.
    `created` is UTC, ISO 8601.
    """

    id: str
    created: str
    prompt: str
    mode: str
    task: str
    prompt_version: str
    model: str
    backend: BackendName
    backend_version: str
    settings: GenerationSettings
    answer: str
    rationale: str = ""
    finished: Literal["end", "length", "cancelled"] = "end"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    draft_of: str = ""
    draft_index: int = 0
    part_of: str = ""
    passage_ids: tuple[str, ...] = ()


class Ask(Record, frozen=True):
    """How a model is asked: mode, task, wording and how the text is drawn.

    `request` is the question or the instruction, for the tasks that take one. `wish` is a sentence about the answer
    ("Focus on the refund."), which the model is told and by which drafts are chosen. `words` is a length to aim at.
    """

    mode: str = "zero-shot"
    task: Task = "summary"
    request: str = ""
    wish: str = ""
    phrasing: str | None = None
    words: int | None = None
    settings: GenerationSettings = GenerationSettings()


class Guarded(Record, frozen=True):
    """What faithful decoding did for an answer.

    `avoided` are names and numbers that the likeliest text had and the conversation lacks, `left` those that the answer
    still has. `barred` says that they were kept out while the answer, or a part of it, was written.
    """

    avoided: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    barred: bool = False


class Answer(Record, frozen=True):
    """What came of one request: a completion for each draft, the first one being the answer.

    `parts` are the completions of the parts of a conversation that did not fit the window, empty where it did. Every
    turn lies in exactly one part, so `turns` counts them all either way. `combined` says that the answer was written
    from those of the parts, which otherwise follow one another in it. `guarded` is None where names and numbers
    were not looked after.
    """

    drafts: tuple[Completion, ...]
    parts: tuple[Completion, ...] = ()
    turns: int = 0
    shots_dropped: int = 0
    guarded: Guarded | None = None
    combined: bool = False

    @property
    def completion(self) -> Completion:
        """The answer itself."""
        return self.drafts[0]


class ModelVersion(Record, frozen=True):
    """A model that can be served, as the registry lists it.

    `ref` is what a user types. `folder` holds config.json, tokenizer.json and the safetensors weights. `converted` is
    a bundled CTranslate2 folder, None where the conversion lives in the cache. `parameters` is 0 where unknown.
    `soft_prompt` is the folder of learned vectors that stand before every text, empty for none; only the transformers
    backend can put them there. `speaker_tags` is what it reads in the place of speakers' names, in order of speaking,
    and writes for them; each is one piece of its vocabulary, so that no text takes more tokens by it. Empty for a model
    that reads names.
    """

    ref: str
    folder: str
    kind: Literal["bundled", "hub", "path", "version"]
    converted: str | None = None
    parameters: int = 0
    window: int = 512
    licence: str = ""
    soft_prompt: str = ""
    speaker_tags: tuple[str, ...] = ()


MessageKind = Literal["user", "conversation", "answer", "notice"]


class Chat(Record, frozen=True):
    """A thread of messages. `settings` is what was chosen for this chat alone, as JSON values.

    `updated` is when a message last came or changed. `forked_from` is the id of the message that this chat left
    another one after, empty where it began by itself. `messages` counts them. `pinned` keeps it at the list's head.
    """

    id: str
    created: str
    updated: str
    title: str = ""
    settings: dict[str, Any] = {}
    forked_from: str = ""
    messages: int = 0
    pinned: bool = False


class Message(Record, frozen=True):
    """One entry of a chat. `text` is what is shown; an answer names the completions it shows, drafts in their order."""

    id: str
    chat: str
    created: str
    kind: MessageKind
    text: str
    completions: tuple[str, ...] = ()


Thumb = Literal["up", "down"]
Ended = Literal["", "superseded", "undone"]


class Judgement(Record, frozen=True, kw_only=True):
    """What ratings and rankings share.

    `confidence` is 0 to 1, None where nobody asked. `guideline` is the version of the text that the rater was given.
    A judgement is never changed: an edit is a new one that `supersedes` the old one's id, which then has `ended` (UTC)
    and says how. `weight` is below 1 where a file of pairs says so, and `origin` holds the ids that the judgement had
    in the store that such a file came from.
    """

    id: str
    created: str
    rater: str
    reasons: tuple[str, ...] = ()
    comment: str = ""
    confidence: float | None = None
    guideline: str = ""
    weight: float = 1.0
    origin: tuple[str, ...] = ()
    supersedes: str = ""
    ended: str = ""
    ended_by: Ended = ""


class Rating(Judgement, frozen=True, kw_only=True):
    """One answer found good or bad by itself."""

    completion: str
    thumb: Thumb


class Ranking(Judgement, frozen=True, kw_only=True):
    """Answers to one prompt put in order by one rater.

    `groups` are completion ids, best first, ties inside a group; `failed` are those that are nonsense or untrue,
    below all others and in no order. `shown` is the order they stood in on the screen. `repeat_of` names the ranking
    that was asked a second time, unmarked, to see how steady the rater is.
    """

    groups: tuple[tuple[str, ...], ...]
    failed: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    repeat_of: str = ""

    @property
    def completions(self) -> tuple[str, ...]:
        """Every completion judged, best first."""
        return tuple(id for group in self.groups for id in group) + self.failed


Compared = Literal["answers", "points"]
"""What a pair sets against each other: two answers, or a digest with and without one of its points."""


class PreferencePair(Record, frozen=True):
    """Of two answers to the same prompt, the one preferred, all judgements taken together.

    `weight` is how many independent comparisons stand behind it. `sources` are the ids of the judgements that had a
    say, `raters` those who made them. Of two that compare points, the digest without the point is no answer that was
    kept: its id is made up.
    """

    prompt: str
    chosen: str
    rejected: str
    weight: float
    chosen_id: str
    rejected_id: str
    raters: tuple[str, ...]
    sources: tuple[str, ...]
    compares: Compared = "answers"


WhyUnpaired = Literal[
    "tie",
    "both failed",
    "alone",
    "identical texts",
    "different prompts",
    "contradiction",
    "raters disagree",
    "missing answer",
]


class Unpaired(Record, frozen=True):
    """What a judgement said that made no pair, and why.

    "alone" is one answer with a thumb and no opposite thumb to pair it with; the others are two answers.
    "missing answer" is also a digest that does not hold the point that was marked, or nothing else.
    "contradiction" is one rater preferring now this, now that one; "raters disagree" is several in balance.
    `completions` are texts, or ids where the answer is missing.
    """

    why: WhyUnpaired
    prompt: str
    completions: tuple[str, ...]
    raters: tuple[str, ...]
    sources: tuple[str, ...]


class Label(Record, frozen=True):
    """An answer called good (True) or bad by itself: thumbs, and answers failed in a ranking."""

    prompt: str
    completion: str
    completion_id: str
    label: bool
    rater: str
    source: str


class Tombstone(Record, frozen=True):
    """What stays of something deleted: its id, what it was, and when (UTC) it went."""

    id: str
    noun: Literal["chat", "completion", "rating", "ranking", "mark"]
    deleted: str


class Deletion(Record, frozen=True):
    """What a deletion removed, in counts. `kept` are answers that another chat still shows; `model_versions` were
    trained with judgements that are now gone.
    """

    chats: int = 0
    messages: int = 0
    completions: int = 0
    ratings: int = 0
    rankings: int = 0
    marks: int = 0
    kept: int = 0
    model_versions: tuple[str, ...] = ()
