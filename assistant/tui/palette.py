"""The table of commands in the command palette. Imported when the palette opens: 0.03 s that the first frame saves."""

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from assistant.tui.commands import COMMANDS, Command, action_of


class CommandPalette(Provider):
    """Offers the table in the palette."""

    async def discover(self) -> Hits:
        for command in COMMANDS:
            run = partial(self.screen.run_action, action_of(command))
            yield DiscoveryHit(command.title, run, help=_hint(command))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in COMMANDS:
            score = matcher.match(f"{command.title} {command.slash}")
            if score > 0:
                run = partial(self.screen.run_action, action_of(command))
                yield Hit(score, matcher.highlight(command.title), run, help=_hint(command))


def _hint(command: Command) -> str:
    return f"/{command.slash}" + (f" · {command.keys}" if command.keys else "")
