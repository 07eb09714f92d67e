"""The settings screen, made from the settings tree."""

from textual.app import App
from textual.widgets import OptionList

from assistant.locations import settings_file
from assistant.settings import known_keys, load_settings
from assistant.tui.wording.labels import LABELS, value_in_words
from assistant.tui.wording.manual import allowed_values, explanations
from tests.tui.screens import an_app, opened, paste, said, seen, settle


def highlighted(app: App[None]) -> str:
    """The key of the setting under the cursor."""
    options = app.screen.query_one(OptionList)
    return str(options.get_option_at_index(options.highlighted or 0).id)


def test_every_setting_is_explained() -> None:
    assert set(explanations()) == set(known_keys())


def test_every_setting_has_a_name_and_values_in_words() -> None:
    assert set(LABELS) == set(known_keys()) - {"keys"}
    assert value_in_words("generation.max_new_tokens", 128) == "128 tokens"
    assert value_in_words("generation.drafts", 1) == "1 draft"
    assert value_in_words("model.threads", 0) == "chosen for the model"
    assert value_in_words("generation.seed", None) == "random"
    assert [value_in_words("screen.show_metadata", value) for value in (True, False)] == ["yes", "no"]


async def test_the_list_is_in_words_and_the_key_is_a_detail_of_the_chosen_one() -> None:
    async with opened(an_app(), (120, 48)) as pilot:
        await settle(pilot)
        await pilot.press("f2", "down")
        await settle(pilot)
        raw = [key for key in known_keys() if key in seen(pilot.app)]
        assert raw == ["model.base"], "the one under the cursor"


def test_values_that_can_be_listed_are() -> None:
    assert allowed_values()["generation.decoding"] == ("greedy", "beam", "sample")
    assert allowed_values()["screen.show_metadata"] == (True, False)
    assert "model.ref" not in allowed_values()


async def test_a_setting_is_chosen_written_and_used() -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text("# mine\n[screen]\ntheme = 'parley-dark'  # calm\n")
    async with opened(an_app(settings=load_settings()), (120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        assert "decoding " in seen(pilot.app) and "128 tokens" in seen(pilot.app)
        while highlighted(pilot.app) != "generation.decoding":
            await pilot.press("down")
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "sample")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert "sample ▾" in seen(pilot.app)
    text = settings_file().read_text()
    assert 'decoding = "sample"' in text
    assert "# mine" in text
    assert "# calm" in text


async def test_a_value_that_makes_no_sense_is_refused_and_nothing_is_written() -> None:
    async with opened(an_app(), (120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        while highlighted(pilot.app) != "generation.beams":
            await pilot.press("down")
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "many")
        await pilot.press("enter")
        await settle(pilot)
        assert "beam search: beams takes a whole number, not 'many'" in said(pilot.app)
    assert not settings_file().exists()


async def test_a_theme_is_taken_by_its_name_and_kept() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await settle(pilot)
        await pilot.press(*"/theme", "space", *"parley-light", "enter")
        await settle(pilot)
        assert app.theme == "parley-light"
        await pilot.press(*"/theme", "space", *"mauve", "enter")
        await settle(pilot)
        assert "no theme 'mauve'" in said(app) and app.theme == "parley-light"
    assert load_settings().screen.theme == "parley-light"
