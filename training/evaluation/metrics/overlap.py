"""ROUGE and BLEU: n-gram overlap with the references."""

from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import Score
from sacrebleu.metrics.bleu import BLEU

from training.evaluation.metrics.case import Case

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
ROUGE_SIGNATURE = f"rouge_score {version('rouge_score')}, Porter stemming, F1 x 100, mean over references"
BLEU_SIGNATURE = f"sacrebleu {version('sacrebleu')}, corpus BLEU, mixed case, 13a, exponential smoothing"


def rouge(case: Case) -> tuple[float, ...]:
    """Return F1 x 100 for each of ROUGE_TYPES, averaged over the references."""
    scored = [_scorer().score(_lines(reference), _lines(case.prediction)) for reference in case.references]
    return tuple(100 * sum(_f1(scores[name]) for scores in scored) / len(scored) for name in ROUGE_TYPES)


def rouge2(prediction: str, reference: str) -> float:
    """Return ROUGE-2 of two texts, as F1 x 100."""
    return rouge(Case("", "", (reference,), prediction))[1]


def bleu_counts(case: Case) -> tuple[float, ...]:
    """Return the counts that BLEU sums up: matching 1- to 4-grams, all 1- to 4-grams, length, and length of the closest
    reference.
    """
    score = _bleu().sentence_score(case.prediction, list(case.references))
    return (*map(float, score.counts), *map(float, score.totals), float(score.sys_len), float(score.ref_len))


def pool_bleu(scores: NDArray[np.float64]) -> tuple[float, ...]:
    """Compute corpus BLEU from the counts of all cases."""
    sums = scores.sum(axis=0)
    correct, total = [int(n) for n in sums[:4]], [int(n) for n in sums[4:8]]
    # Without any words, precisions are undefined and BLEU is 0.
    if not sums[8]:
        return (0.0,)
    return (float(BLEU.compute_bleu(correct, total, int(sums[8]), int(sums[9]), smooth_method="exp").score),)


def _f1(score: Score) -> float:
    return float(score.fmeasure)


def _lines(text: str) -> str:
    """Put each sentence on its own line, as ROUGE-Lsum requires. The other types ignore lines."""
    return text.replace(". ", ".\n").replace("! ", "!\n").replace("? ", "?\n")


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(list(ROUGE_TYPES), use_stemmer=True)


@cache
def _bleu() -> BLEU:
    # effective_order avoids a warning of sacrebleu. It affects only sentence scores, which are not used here.
    return BLEU(effective_order=True)
