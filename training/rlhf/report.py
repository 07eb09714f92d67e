"""Writes the report of a run as an HTML page without scripts: ratings, reward, curves, gate, samples."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from assistant.files import write_atomically
from assistant.models.proof import gate_rows
from assistant.prompts import conversation_in

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ddd;padding:.3rem .8rem;"
    "text-align:left;vertical-align:top}.no{color:#a00}.yes{color:#060}.texts td{white-space:pre-wrap}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}}"
)
_WIDTH, _HEIGHT, _EDGE = 520, 260, 48
_SAID = {
    "n": "pairs",
    "reward": "of these the reward learns from",
    "dev": "both prove themselves on",
    "judge": "the judge learns from",
    "points": "by points of digests",
    "dialogues": "conversations",
    "longer_chosen": "the longer answer was chosen",
    "unpaired": "no pair",
    "models": "answers by",
}
_SAID_OF_REWARD = {
    "accuracy": "agrees with people",
    "ci": "95 % interval",
    "lower_bound": "lower bound",
    "length_baseline": "the longer answer alone",
    "coverage_baseline": "what says more of what matters",
    "similarity_baseline": "likeness to the conversation alone",
    "warm_baseline": "without these ratings",
    "calibration_error": "calibration error",
    "n": "held-out pairs",
    "pairs": "learnt from",
}
_BASELINES = {"length_baseline", "coverage_baseline", "similarity_baseline", "warm_baseline"}
_SHARES = {"longer_chosen", "accuracy", "ci", "lower_bound"} | _BASELINES
Rows = Sequence[Sequence[str]]


def write_page(place: Path, found: Mapping[str, Any], curves: str = "") -> None:
    """Write the report on a run's result to `place`. `curves` is an image in the same folder, or empty."""
    gate = found.get("gate")
    verdict = "passed" if gate and gate["passed"] else "not passed" if gate else "not reached"
    parts = [
        f"<h1>{escape(str(found['run']))}</h1>",
        f"<p>Candidate {escape(str(found.get('version')))} against {escape(str(found.get('against')))}: "
        f"gate {verdict}{', promoted' if found.get('promoted') else ''}.</p>",
        "<h2>Ratings</h2>",
        _table(_named(found["pairs"])),
        "<h2>Reward and judge</h2>",
        _table(_rewards(found["reward"])),
    ]
    if found.get("ppo"):
        parts += [f"<h2>{_method(found['ppo'])} and best of n under the judge</h2>", _plane(found["ppo"])]
        parts += [f'<p><img src="{escape(curves)}" alt="curves of the run" style="max-width:100%"></p>'] * bool(curves)
    if gate:
        parts += ["<h2>Gate</h2>", _table(gate_rows(gate["checks"]), head=True)]
        parts += ["<h2>Answers that gained and lost most</h2>", *map(_sample, gate["samples"])]
    title = escape(str(found["run"]))
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    write_atomically(place, (page + "".join(parts) + "</html>\n").encode())


def _rewards(reward: Mapping[str, Any]) -> Rows:
    both = {"reward": reward, "judge": reward.get("judge", {})}
    names = [name for name, value in reward.items() if isinstance(value, (int, float)) or name == "ci"]
    names.sort(key=lambda name: [*_SAID_OF_REWARD, name].index(name))
    rows = (
        [_SAID_OF_REWARD.get(name, name), *(_figure(name, one.get(name)) for one in both.values())] for name in names
    )
    return [["", *both], *rows]


def _named(figures: Mapping[str, Any]) -> Rows:
    shown = ((name, value) for name, value in figures.items() if value not in (None, {}, []))
    return [[_SAID.get(name, name), _figure(name, value)] for name, value in shown]


def _table(rows: Rows, head: bool = False, kind: str = "") -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        marks = {"yes": ' class="yes"', "NO": ' class="no"'}
        return "".join(f"<{tag}{marks.get(cell, '')}>{escape(cell)}</{tag}>" for cell in row)

    return (
        (f'<table class="{kind}">' if kind else "<table>")
        + "".join(f"<tr>{cells(row, 'th' if head and not n else 'td')}</tr>" for n, row in enumerate(rows))
        + "</table>"
    )


def _sample(sample: Mapping[str, Any]) -> str:
    rows = [["conversation", conversation_in(sample["prompt"])]]
    rows += [[name, str(sample[name])] for name in ("current", "candidate")]
    return f"<p>Judge: {sample['gain']:+.2f}</p>{_table(rows, kind='texts')}"


def _method(found: Mapping[str, Any]) -> str:
    """Return the method's name for display."""
    return escape(str(found.get("method", "ppo")).upper())


def _plane(ppo: Mapping[str, Any]) -> str:
    """Plot judge over KL as SVG: a line for the checkpoints, a ring for the kept one, and points for best-of-n."""
    trained = [(float(row["kl"]), float(row["judge"])) for row in ppo["curve"]]
    picked = [(float(row["kl"]), float(row["judge"]), int(row["n"])) for row in ppo.get("best_of", [])]
    kept = [(float(row["kl"]), float(row["judge"])) for row in ppo["curve"] if row["step"] == ppo.get("kept_step")]
    every = [*trained, *((kl, judge) for kl, judge, _ in picked)]
    if not every:
        return "<p>no judgement was made</p>"
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*every, strict=True))

    def place(kl: float, judge: float) -> tuple[float, float]:
        x = _EDGE + (_WIDTH - 1.5 * _EDGE) * (kl - left) / ((right - left) or 1.0)
        return x, _HEIGHT - _EDGE - (_HEIGHT - 1.5 * _EDGE) * (judge - low) / ((high - low) or 1.0)

    line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in trained)
    marks = [f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>']
    for kl, judge, n in picked:
        x, y = place(kl, judge)
        marks.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#c60"/><text x="{x + 6:.1f}" y="{y:.1f}">{n}</text>'
        )
    for point in kept[:1]:
        x, y = place(*point)
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="#1f5fa8" stroke-width="2"/>')
    labels = (
        f'<text x="{_EDGE}" y="{_HEIGHT - 12}">{left:.2g}</text>'
        f'<text x="{_WIDTH - _EDGE}" y="{_HEIGHT - 12}" text-anchor="end">KL {right:.3g}</text>'
        f'<text x="4" y="{_EDGE / 2:.0f}">judge {high:.3g}</text><text x="4" y="{_HEIGHT - _EDGE}">{low:.3g}</text>'
    )
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" font-size="11"'
    svg = f'<svg {size} fill="currentColor" font-family="sans-serif">'
    told = f"<p>Blue: {_method(ppo)}, the kept checkpoint ringed. Orange: the best of n drafts.</p>"
    return f"{svg}{labels}{''.join(marks)}</svg>{told}"


def _figure(name: str, value: Any) -> str:
    """Format shares in per cent, and anything else as it is."""
    if name in _SHARES and isinstance(value, (list, tuple)):
        return " to ".join(_figure(name, one) for one in value)
    return f"{value:.1%}" if name in _SHARES and isinstance(value, (int, float)) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return "-" if value is None else str(value)
