"""`assistant paths` and `assistant config`: print where files are stored, and the settings."""

from cyclopts import App

from assistant.cli.output import say, say_json
from assistant.locations import all_places
from assistant.settings import list_settings, resolve

config = App(name="config", help="Show the settings in force.", help_format="plaintext")


def paths(*, json: bool = False) -> None:
    """Print every place that Parley reads or writes. ASSISTANT_HOME puts them all under one folder.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    places = {name: str(path) for name, path in all_places().items()}
    if json:
        say_json(places)
        return
    width = max(map(len, places))
    for name, path in places.items():
        say(f"{name:{width}}  {path}")


@config.default
@config.command(name="show")
def show(*, origin: bool = False, json: bool = False) -> None:
    """Print every setting with its value.

    Parameters
    ----------
    origin
        Say where each value comes from.
    json
        Print one JSON object.
    """
    settings = list_settings(*resolve())
    if json:
        say_json({s.key: {"value": s.value, "origin": s.origin} if origin else s.value for s in settings})
        return
    width = max(len(setting.key) for setting in settings)
    for setting in settings:
        value = f"{setting.value!r}"
        say(f"{setting.key:{width}}  {value:28}  {setting.origin}" if origin else f"{setting.key:{width}}  {value}")
