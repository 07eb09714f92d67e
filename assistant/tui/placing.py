"""Rank drafts by keys: ranks, ties, failures and undo. Pure values, without widgets or store."""

from collections.abc import Sequence

import msgspec

from assistant.records import Record


class Placing(Record, frozen=True):
    """An unfinished ranking. Drafts are numbered from 0 in their displayed order.

    `groups` holds the ranked drafts, best first, with ties in one group; `failed` holds those that failed. `touched` is
    the draft that `=` and `f` apply to. `past` holds the earlier states for `undo`, the latest last.
    """

    drafts: int
    groups: tuple[tuple[int, ...], ...] = ()
    failed: tuple[int, ...] = ()
    touched: int | None = None
    past: tuple["Placing", ...] = ()

    @property
    def open(self) -> tuple[int, ...]:
        """The drafts that are neither ranked nor failed."""
        done = {draft for group in self.groups for draft in group} | set(self.failed)
        return tuple(draft for draft in range(self.drafts) if draft not in done)

    def place_of(self, draft: int) -> int | None:
        """The draft's rank, 1 for the best; None if it has none or failed."""
        return next((place for place, group in enumerate(self.groups, 1) if draft in group), None)

    def is_tied(self, draft: int) -> bool:
        """Whether another draft has the same rank."""
        return any(draft in group and len(group) > 1 for group in self.groups)

    def place(self, draft: int) -> "Placing":
        """Give the draft the next rank. A draft that has a rank, or failed, moves."""
        if not 0 <= draft < self.drafts:
            return self
        return self._changed([*_without(self.groups, draft), (draft,)], _less(self.failed, draft), draft)

    def tie(self) -> "Placing":
        """Tie the last touched draft with the rank before it."""
        place = None if self.touched is None else self.place_of(self.touched)
        if self.touched is None or place is None or place == 1:
            return self
        groups = list(self.groups)
        before, shared = groups[place - 2], groups.pop(place - 1)
        groups[place - 2] = before + shared
        return self._changed(groups, self.failed, self.touched)

    def fail(self, draft: int | None = None) -> "Placing":
        """Mark the draft, by default the last touched one, as failed: nonsense or untrue."""
        draft = self.touched if draft is None else draft
        if draft is None or draft in self.failed:
            return self
        return self._changed(_without(self.groups, draft), (*self.failed, draft), draft)

    def touch(self, draft: int) -> "Placing":
        """Make this draft the one that `=` and `f` apply to."""
        return msgspec.structs.replace(self, touched=draft % self.drafts)

    def undo(self) -> "Placing":
        """The state before the last change."""
        return self.past[-1] if self.past else self

    def completed(self) -> "Placing | None":
        """The complete ranking, None if more than one draft is left. A single one left takes the last rank."""
        if len(self.open) > 1:
            return None
        return self.place(self.open[0]) if self.open else self

    def _changed(self, groups: Sequence[tuple[int, ...]], failed: tuple[int, ...], touched: int) -> "Placing":
        return Placing(
            drafts=self.drafts, groups=tuple(groups), failed=failed, touched=touched, past=(*self.past, self)
        )


def _without(groups: Sequence[tuple[int, ...]], draft: int) -> list[tuple[int, ...]]:
    kept = (_less(group, draft) for group in groups)
    return [group for group in kept if group]


def _less(group: tuple[int, ...], draft: int) -> tuple[int, ...]:
    return tuple(other for other in group if other != draft)
