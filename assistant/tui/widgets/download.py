"""The line above the composer during a download: size so far, total size, and time left."""

from textual.content import Content
from textual.widgets import Static

from assistant.terminal import one_line
from assistant.tui.commands import action_of, command_named
from assistant.tui.messages import PullMoved

BAR_CELLS = 10


class DownloadLine(Static):
    """Shown only during a download; a click asks whether to stop it."""

    DEFAULT_CSS = """
    DownloadLine {
        display: none;
        height: 1;
        padding: 0 2;
        color: $accent;
        text-overflow: ellipsis;
        text-wrap: nowrap;
        &.-moving { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._news: PullMoved | None = None

    def show(self, news: PullMoved | None) -> None:
        """Show the progress; None hides the line."""
        self._news = news
        self.set_class(news is not None, "-moving")
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        if self._news is not None:
            # The screen's width, since the line has none before it is first shown.
            self.update(Content(describe_pull(self._news, self.screen.size.width - self.gutter.width)))

    async def on_click(self) -> None:
        await self.run_action(action_of(command_named("pull")))


def describe_pull(news: PullMoved, room: int) -> str:
    """Progress such as "▓▓▓▓░░░░ org/model · 312 of 990 MB, 2:41 left · Esc stops it".

    If the room (in cells) is too small, the bar is left out first, then the model.
    """
    ref = one_line(news.ref)
    if news.is_converting:
        return f"{ref} · all here, being converted for this processor"
    if not news.total:
        return f"{ref} · asking the Hub · Esc stops it"
    filled = news.done * BAR_CELLS // news.total
    bar = "▓" * filled + "░" * (BAR_CELLS - filled)
    how_much, left = f"{news.done / 1e6:,.0f} of {news.total / 1e6:,.0f} MB", ""
    if news.rate:
        seconds = round((news.total - news.done) / news.rate)
        left = f", {seconds // 60}:{seconds % 60:02} left"
    stops = " · Esc stops it"
    forms = (f"{bar} {ref} · {how_much}{left}{stops}", f"{ref} · {how_much}{left}{stops}", f"{how_much}{left}{stops}")
    return next((form for form in forms if len(form) <= room), forms[-1])
