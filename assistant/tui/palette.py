"""The commands in Textual's palette. Imported when the palette opens, which saves the first frame 0.03 s."""

from collections.abc import Mapping
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from assistant.tui.commands import COMMANDS, Command, action_of, key_of
from assistant.tui.parley import keys_of


class CommandPalette(Provider):
    """Offers the table of commands in the palette."""

    @property
    def _keys(self) -> Mapping[str, str]:
        return keys_of(self.screen)

    async def discover(self) -> Hits:
        for command in COMMANDS:
            run = partial(self.screen.run_action, action_of(command))
            yield DiscoveryHit(command.title, run, help=_hint(command, self._keys))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in COMMANDS:
            score = matcher.match(f"{command.title} {command.slash}")
            if score > 0:
                run = partial(self.screen.run_action, action_of(command))
                yield Hit(score, matcher.highlight(command.title), run, help=_hint(command, self._keys))


def _hint(command: Command, keys: Mapping[str, str]) -> str:
    key = key_of(command, keys)
    return f"/{command.slash}" + (f" · {key}" if key else "")
