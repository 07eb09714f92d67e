"""Putting drafts in order by keys: places, ties, failures, undo. Pure values; knows no widget and no store."""

from collections.abc import Sequence

import msgspec

from assistant.records import Record


class Placing(Record, frozen=True):
    """An order in the making. Drafts are numbers from 0 in the order in which they are shown.

    `groups` holds those placed, best first, ties inside a group; `failed` those that failed; `touched` is the one that
    `=` and `f` mean. `past` is what `undo` goes back to, the latest last.
    """

    drafts: int
    groups: tuple[tuple[int, ...], ...] = ()
    failed: tuple[int, ...] = ()
    touched: int | None = None
    past: tuple["Placing", ...] = ()

    @property
    def open(self) -> tuple[int, ...]:
        """The drafts without a place."""
        done = {draft for group in self.groups for draft in group} | set(self.failed)
        return tuple(draft for draft in range(self.drafts) if draft not in done)

    def place_of(self, draft: int) -> int | None:
        """1 for the best group; None for a draft without a place or failed."""
        return next((place for place, group in enumerate(self.groups, 1) if draft in group), None)

    def is_tied(self, draft: int) -> bool:
        """Whether others share its place."""
        return any(draft in group and len(group) > 1 for group in self.groups)

    def place(self, draft: int) -> "Placing":
        """Give the draft the next place; one that had a place or failed moves."""
        if not 0 <= draft < self.drafts:
            return self
        return self._changed([*_without(self.groups, draft), (draft,)], _less(self.failed, draft), draft)

    def tie(self) -> "Placing":
        """Let the draft touched last share the place before it."""
        place = None if self.touched is None else self.place_of(self.touched)
        if self.touched is None or place is None or place == 1:
            return self
        groups = list(self.groups)
        before, shared = groups[place - 2], groups.pop(place - 1)
        groups[place - 2] = before + shared
        return self._changed(groups, self.failed, self.touched)

    def fail(self, draft: int | None = None) -> "Placing":
        """The draft, or the one touched last, is nonsense or untrue."""
        draft = self.touched if draft is None else draft
        if draft is None or draft in self.failed:
            return self
        return self._changed(_without(self.groups, draft), (*self.failed, draft), draft)

    def touch(self, draft: int) -> "Placing":
        """Let `=` and `f` mean this draft."""
        return msgspec.structs.replace(self, touched=draft % self.drafts)

    def undo(self) -> "Placing":
        """What it was before the last change."""
        return self.past[-1] if self.past else self

    def completed(self) -> "Placing | None":
        """The whole order: a single draft left over takes the last place. None where more are left."""
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
