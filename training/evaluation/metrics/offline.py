"""Wraps every entry of METRICS and LEARNED as an `evaluate.Metric` that needs no network: `load("rouge").compute(...)`.

Importing this module takes some seconds, because it imports `evaluate`, which the metrics themselves do not need.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

from training.evaluation.metrics import METRICS, Case
from training.evaluation.metrics.learned import LEARNED

_ALL = METRICS | LEARNED


class OfflineMetric(evaluate.Metric):  # type: ignore[misc]  # the library has no types
    """An entry of METRICS or LEARNED, named by `config_name`.

    `references` has a text or a list of texts for each prediction. `sources` are the conversations, which some metrics
    need. Other keywords are ignored, so that `evaluate.combine` can pass the same ones to all metrics.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_ALL[self.config_name].about,
            citation="",
            features=[
                datasets.Features({"predictions": datasets.Value("string"), "references": kind})
                for kind in (datasets.Value("string"), datasets.Sequence(datasets.Value("string")))
            ],
        )

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str | Sequence[str]],
        sources: Sequence[str] | None = None,
        **_: Any,
    ) -> dict[str, float]:
        metric = _ALL[self.config_name]
        cases = [
            Case(str(i), source, (reference,) if isinstance(reference, str) else tuple(reference), prediction)
            for i, (prediction, reference, source) in enumerate(
                zip(predictions, references, sources or [""] * len(predictions), strict=True)
            )
        ]
        scores = np.array([metric.score(case) for case in cases])
        return dict(zip(metric.figures, metric.pool(scores), strict=True))


def load(name: str) -> OfflineMetric:
    """Return the metric of that name. Raises KeyError if there is none."""
    if name not in _ALL:
        raise KeyError(f"no metric {name!r}; there are {', '.join(_ALL)}")
    return OfflineMetric(config_name=name)
