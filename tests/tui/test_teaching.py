"""Hints after the first answers: the next useful key, each three times at most, over all starts."""

from assistant.tui.wording.teaching import next_hint
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle

_RATE, _ASK = "+ or - rates it", "Type a question to ask"


def test_each_hint_comes_three_times_at_most_the_least_shown_first() -> None:
    shown = [next_hint(["rate", "ask"], {"good": "y"}) for _ in range(8)]
    assert [hint[:20] for hint in shown] == ["Shift+Tab, then y or", "Type a question to a"] * 3 + ["", ""]
    assert next_hint(["point", "rate"], {}).startswith("Shift+Tab and Down choose a part; Enter"), "not shown so far"


async def test_an_answer_is_followed_by_a_hint_over_all_starts() -> None:
    hints = []
    for _ in range(2):
        app = an_app()
        async with opened(app) as pilot:
            await settle(pilot)
            for _ in range(4):
                await paste(pilot, STANDUP)
                await pilot.press("enter")
                await settle(pilot)
                hints.append([words for words in (_RATE, _ASK) if words in seen(app)])
    assert hints == [[_RATE], [_ASK]] * 3 + [[], []]
