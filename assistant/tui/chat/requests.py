"""Request answers one at a time, and show each as it is written."""

import time
from functools import partial

from textual.content import Content

from assistant.errors import Interrupted
from assistant.records import Ask, Dialogue
from assistant.terminal import shortened
from assistant.tui.chat.parts import ChatParts
from assistant.tui.choices import drawn
from assistant.tui.messages import AnswerFinished, AnswerGrew, RequestProgressed
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.wording.teaching import next_hint
from assistant.tui.workers.asking import Request, ask

KEEP_SECONDS = 0.5
"""How much of a streamed answer may be lost in a crash."""
NO_DIALOGUE = Dialogue(turns=(), format="")


class Requests:
    """The running request, if any, and its results."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._writing: AnswerView | None = None
        self._count = 0
        self._kept_at = 0.0

    @property
    def is_writing(self) -> bool:
        """Whether an answer is being written."""
        return self._writing is not None

    def is_free(self) -> bool:
        """Whether no answer is being written. If one is, tell the user."""
        if self._writing is not None:
            self._screen.notify("An answer is being written: wait for it, or press Esc.", severity="warning")
        return self._writing is None

    async def request(self, dialogue: Dialogue, ask: Ask, question: str = "") -> None:
        """Ask about a conversation, or ask the documents, as soon as the model is ready."""
        self._screen.add_class("-begun")
        self._parts.hint.remove_class("-shown")
        self._count += 1
        request = Request(number=self._count, dialogue=dialogue, ask=drawn(ask), question=question)
        view = AnswerView(request, self._parley.clock, "waiting for the model")
        self._writing = view
        await self._parts.transcript.add(view)
        if self._parley.model.state == "ready":
            self._begin(view)
        elif self._parley.model.state == "failed":
            self.give_up(Interrupted("no model is loaded: choose one with F6"))

    def begin_waiting(self) -> None:
        """Begin the request that waited for the model, which is ready now."""
        if self._writing is not None and self._writing.answer is None:
            self._begin(self._writing)

    def _begin(self, view: AnswerView) -> None:
        request = view.request
        view.begin("looking into your documents" if request.question else "reading")
        assistant = self._parley.assistant
        assert assistant is not None  # the model is ready, so there is one
        post = self._screen.post_message
        work = partial(ask, assistant, request, post)
        if request.question:
            documents, mode = self._parley.documents, request.ask.mode
            asked = [v.request for v in self._parts.transcript.answers if v.request.number < request.number]
            previous = next((one.question for one in reversed(asked) if one.question), "")
            work = partial(documents.ask, assistant, request.number, request.question, previous, mode, post)
        self._parley.in_background(work, "ask")

    def _view_of(self, number: int) -> AnswerView | None:
        view = self._writing
        return view if view is not None and view.request.number == number else None

    def grow(self, news: AnswerGrew) -> None:
        """Show more of the answer, and store it in case of a crash."""
        if view := self._view_of(news.request):
            view.grow(news.text)
            if time.monotonic() - self._kept_at > KEEP_SECONDS:
                self._kept_at = time.monotonic()
                self._parley.keeper.grew(view.text)

    def advance(self, news: RequestProgressed) -> None:
        """Show the progress of a request that does not stream."""
        if view := self._view_of(news.request):
            count = f" {news.done} of {news.total}" if news.total > 1 else ""
            view.advance(f"{news.stage}{count}")

    def finish(self, news: AnswerFinished) -> None:
        """Show and store the complete answer."""
        if view := self._view_of(news.request):
            order = self._parley.order(len(news.answer.drafts))
            view.finish(news.answer, order, news.digest)
            self._writing = None
            title = news.title or shortened(news.answer.completion.answer)
            self._parts.name_chat(title)
            self._teach(view)
            self._parley.keeper.answered(news.answer, order, title, partial(setattr, view, "message"))

    def _teach(self, view: AnswerView) -> None:
        """Show a hint for a useful key until the next message is sent."""
        about = {"point": view.digest is not None, "rate": True, "ask": bool(view.request.dialogue.turns)}
        hint = next_hint([name for name, fits in about.items() if fits], self._parley.settings.keys)
        self._parts.hint.update(Content(hint))
        self._parts.hint.set_class(bool(hint), "-shown")

    def end_without_answer(self, view: AnswerView, text: str) -> None:
        """Store the text shown in place of an answer, and name the chat after the request."""
        request = view.request
        said = request.dialogue.turns[0].text if request.dialogue.turns else ""
        title = shortened(request.question or request.ask.request or said)
        self._parts.name_chat(title)
        self._parley.keeper.told(text, title)
        if view is self._writing:
            self._writing = None

    def give_up(self, error: BaseException) -> None:
        """End the running request with an error, or as cancelled."""
        if self._writing is not None:
            view = self._writing
            sentence = "cancelled" if isinstance(error, Interrupted) and not str(error) else str(error)
            view.fail(sentence)
            self.end_without_answer(view, f"{view.text}\n{sentence}".strip())

    def cancel(self) -> None:
        """Stop the running request: in the engine if it is running there."""
        if (assistant := self._parley.assistant) is not None and self._parley.model.state == "ready":
            self._parley.in_background(assistant.cancel, "cancel")
        else:
            self.give_up(Interrupted("cancelled"))
