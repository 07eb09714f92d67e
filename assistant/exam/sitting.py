"""A model sits the exam: it summarizes the sixteen conversations once, the digest does the same in as many words, and
the result is kept beside the caches under the model's fingerprint.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from assistant.digest import make_digest, render
from assistant.drafting import draw, write_prompts
from assistant.engine.client import Engine
from assistant.engine.protocol import OnProgress
from assistant.errors import Interrupted
from assistant.exam.grading import Grade, Question, exam_version, grade, load_questions
from assistant.files import write_atomically
from assistant.locations import cache_dir
from assistant.records import Ask, ModelVersion, Record

FACTS_SHARE = 0.5
"""To pass, a model carries more than this share of what the digest carries in as many words."""
MAX_WRONG = 0.05
"""To pass, no more than this share of its claims is wrong."""
SHIPPED = "exam.json"
"""The result that comes with a bundled model, in its folder."""


class ExamResult(Record, frozen=True):
    """How a model did. Shares are 0 to 1; `words` is the mean length of its summaries."""

    model: str
    conversations: int
    facts: float
    digest_facts: float
    wrong: float
    words: float
    exam: str = ""
    """Which version of the exam it was."""

    @property
    def passed(self) -> bool:
        """Whether its summary may stand above the digest."""
        return self.facts > FACTS_SHARE * self.digest_facts and self.wrong <= MAX_WRONG

    def sentence(self) -> str:
        """The result in one line."""
        verdict = "passed" if self.passed else "failed"
        return (
            f"{self.model} {verdict} the exam: {self.facts:.0%} of the facts in {self.words:.0f} words "
            f"(the digest {self.digest_facts:.0%}), {self.wrong:.0%} of its claims wrong"
        )


def known_result(model: ModelVersion) -> ExamResult | None:
    """The result on record, None where the model, as it is on disk now, has not sat the exam."""
    for place in (result_file(model), Path(model.folder) / SHIPPED):
        try:
            result = msgspec.json.decode(place.read_bytes(), type=ExamResult)
        except (OSError, ValueError, RecursionError):
            continue
        if result.exam == exam_version() and result.model == model.ref:
            return result
    return None


def sit_exam(engine: Engine, model: ModelVersion, on_progress: OnProgress | None = None) -> ExamResult:
    """Have the model that the engine serves summarize the exam's conversations, and keep the result.

    Raises Interrupted where the engine was cancelled; nothing is kept then.
    """
    questions = load_questions()
    ask = Ask()
    prompts = [write_prompts(question.dialogue, ask, model) for question in questions]
    drawn = draw(engine, [part for parts in prompts for part in parts], ask.settings, on_progress=on_progress)
    if not all(drawn.finished.drafts):
        raise Interrupted("stopped; the exam was not finished")
    drafts = iter(drawn.finished.drafts)
    texts = ["\n".join(next(drafts)[0].text.strip() for _ in parts) for parts in prompts]
    result = mark(model.ref, questions, texts)
    write_atomically(result_file(model), msgspec.json.encode(result))
    return result


def mark(model: str, questions: Sequence[Question], texts: Sequence[str]) -> ExamResult:
    """Grade the model's texts and, beside each, the digest in as many words."""
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
        exam=exam_version(),
    )


def _facts(grades: Sequence[Grade]) -> float:
    return sum(one.facts / one.of for one in grades) / len(grades)


def result_file(model: ModelVersion) -> Path:
    """Where a model's result is kept: named after its weights, by name, size and time."""
    weights = sorted(Path(model.folder).glob("*.safetensors"))
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    key = hashlib.blake2b(repr((model.ref, facts)).encode(), digest_size=16).hexdigest()
    return cache_dir() / "exams" / f"{key}.json"
