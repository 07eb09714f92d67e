"""Runs the exam: the model summarizes the sixteen conversations once, the digest does the same in as many words, and
the model must find the true one of two statements about each conversation likelier. The result is kept with the caches
under a key of the model's weights.

Counts of facts and names do not notice who did what. Pairs of statements that differ only in that do: the contrast that
FactCC (Kryściński et al. 2020) trains on, judged by likelihood as in BLiMP (Warstadt et al. 2020).
"""

import hashlib
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from assistant.digest import make_digest, render
from assistant.drafting import PartPrompt, draw, write_prompts
from assistant.drafting.writing import score
from assistant.engine.client import Engine
from assistant.engine.protocol import OnProgress
from assistant.errors import Interrupted
from assistant.exam.grading import Grade, Question, exam_version, grade, load_questions
from assistant.files import write_atomically
from assistant.locations import cache_dir
from assistant.records import Ask, ModelVersion, Record

FACTS_SHARE = 0.5
"""To pass, a model covers more than this share of the facts that the digest covers in as many words."""
MAX_WRONG = 0.05
"""To pass, at most this share of its claims is wrong."""
MIN_TOLD_APART = 0.85
"""To pass, the true statement is likelier in at least this share of the pairs; chance is half."""
SHIPPED = "exam.json"
"""The file with the result of a bundled model, in its folder."""


class ExamResult(Record, frozen=True):
    """The result of a model. Shares are 0 to 1; `words` is the mean length of its summaries."""

    model: str
    conversations: int
    facts: float
    digest_facts: float
    wrong: float
    words: float
    told_apart: float
    """The share of the pairs in which the true statement was likelier."""
    exam: str = ""
    """The version of the exam."""

    @property
    def failures(self) -> tuple[str, ...]:
        """The reasons for failing; empty if it passed."""
        limits = {
            "too few facts": self.facts > FACTS_SHARE * self.digest_facts,
            "too many wrong claims": self.wrong <= MAX_WRONG,
            "true statements not told from false ones": self.told_apart >= MIN_TOLD_APART,
        }
        return tuple(reason for reason, kept in limits.items() if not kept)

    @property
    def passed(self) -> bool:
        """Whether the model's summary may be shown above the digest."""
        return not self.failures

    def sentence(self) -> str:
        """Return the result as one line."""
        verdict = "passed" if self.passed else "failed"
        why = f" Failed for: {', '.join(self.failures)}." if self.failures else ""
        return (
            f"{self.model} {verdict} the exam: {self.facts:.0%} of the facts in {self.words:.0f} words "
            f"(the digest {self.digest_facts:.0%}), {self.wrong:.0%} of its claims wrong. "
            f"Of two statements it prefers the true one in {self.told_apart:.0%} of the pairs.{why}"
        )


def known_result(model: ModelVersion) -> ExamResult | None:
    """Return the stored result, None if the model, as it is on disk, has not taken the exam."""
    for place in (result_file(model), Path(model.folder) / SHIPPED):
        try:
            result = msgspec.json.decode(place.read_bytes(), type=ExamResult)
        except (OSError, ValueError, RecursionError):
            continue
        if result.exam == exam_version() and result.model == model.ref:
            return result
    return None


def sit_exam(engine: Engine, model: ModelVersion, on_progress: OnProgress | None = None) -> ExamResult:
    """Run the exam with the engine's model, and store the result.

    Raises Interrupted if the engine was cancelled; then nothing is stored.
    """
    questions = load_questions()
    ask = Ask()
    prompts = [write_prompts(question.dialogue, ask, model) for question in questions]
    drawn = draw(engine, [part for parts in prompts for part in parts], ask.settings, on_progress=on_progress)
    if not all(drawn.finished.drafts):
        raise Interrupted("stopped; the exam was not finished")
    drafts = iter(drawn.finished.drafts)
    texts = ["\n".join(next(drafts)[0].text.strip() for _ in parts) for parts in prompts]
    result = mark(model.ref, questions, texts, tell_apart(engine, questions, prompts))
    write_atomically(result_file(model), msgspec.json.encode(result))
    return result


def tell_apart(engine: Engine, questions: Sequence[Question], prompts: Sequence[Sequence[PartPrompt]]) -> float:
    """Return the share of the pairs in which the model finds the true statement likelier as a summary: by the mean
    log-probability per token, summed over the parts of a conversation that does not fit the window. A tie does not
    count.

    Raises Interrupted if the engine was cancelled.
    """
    asked = [
        ([part.prompt.text for part in parts], statements)
        for question, parts in zip(questions, prompts, strict=True)
        for statements in question.statements
    ]
    rows = [(prompt, text) for parts, pair in asked for text in (pair.true, pair.false) for prompt in parts]
    scored = score(engine, [prompt for prompt, _ in rows], [text for _, text in rows])
    means = iter([statistics.fmean(row) for row in scored.token_log_probabilities])
    told = 0
    for parts, _ in asked:
        true, false = ([next(means) for _ in parts] for _ in range(2))
        told += sum(true) > sum(false)
    return told / len(asked)


def mark(model: str, questions: Sequence[Question], texts: Sequence[str], told_apart: float) -> ExamResult:
    """Grade the model's texts, and for each the digest in as many words."""
    own = [grade(question, text) for question, text in zip(questions, texts, strict=True)]
    digests = [
        grade(question, render(make_digest(question.dialogue, words=max(5, len(text.split())))))
        for question, text in zip(questions, texts, strict=True)
    ]
    return ExamResult(
        model=model,
        conversations=len(questions),
        facts=_facts(own),
        digest_facts=_facts(digests),
        wrong=sum(one.wrong for one in own) / sum(one.claims for one in own),
        words=sum(len(text.split()) for text in texts) / len(texts),
        told_apart=told_apart,
        exam=exam_version(),
    )


def _facts(grades: Sequence[Grade]) -> float:
    return sum(one.facts / one.of for one in grades) / len(grades)


def result_file(model: ModelVersion) -> Path:
    """Return the file of a model's result, named by the path, size and time of its weights."""
    weights = sorted(Path(model.folder).glob("*.safetensors"))
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    key = hashlib.blake2b(repr((model.ref, facts)).encode(), digest_size=16).hexdigest()
    return cache_dir() / "exams" / f"{key}.json"
