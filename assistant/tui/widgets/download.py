"""The line above the composer while a model is downloaded: how much is here, of how much, and how long it takes."""

from textual.content import Content
from textual.widgets import Static

from assistant.terminal import one_line
from assistant.tui.messages import PullMoved

BAR_CELLS = 10


class DownloadLine(Static):
    """There only while there is a download; a click asks whether to stop it."""

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

    def show(self, news: PullMoved | None) -> None:
        """How far it is; None takes the line away."""
        self.set_class(news is not None, "-moving")
        if news is not None:
            self.update(Content(describe_pull(news)))

    async def on_click(self) -> None:
        await self.run_action("screen.pull")


def describe_pull(news: PullMoved) -> str:
    """ "▓▓▓▓░░░░ org/model · 312 of 990 MB, 2:41 left · Esc stops it": google/flan-t5-base's fits 80 columns."""
    ref = one_line(news.ref)
    if news.is_converting:
        return f"{ref} · all here, being converted for this processor"
    if not news.total:
        return f"{ref} · asking the Hub · Esc stops it"
    filled = news.done * BAR_CELLS // news.total
    bar = "▓" * filled + "░" * (BAR_CELLS - filled)
    how_much = f"{news.done / 1e6:,.0f} of {news.total / 1e6:,.0f} MB"
    if news.rate:
        seconds = round((news.total - news.done) / news.rate)
        how_much += f", {seconds // 60}:{seconds % 60:02} left"
    return f"{bar} {ref} · {how_much} · Esc stops it"
