"""What the reward makes of drafts, beside them once they are ranked, and what stands below an answer at all."""

from assistant.records import GenerationSettings
from assistant.settings import FeedbackSettings, ScreenSettings, Settings
from assistant.tui.placing import Placing
from assistant.tui.wording.judged import describe_agreement, describe_effect
from tests.doubles import ScriptedAssistant
from tests.tui.screens import BY_MODEL, an_app, opened, paste, said, seen, settle
from tests.tui.test_judging import DRAFTS, SAMPLED, summarize


async def test_scores_stand_beside_drafts_once_they_are_ranked_and_not_before() -> None:
    async with opened(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), (140, 40)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "m")
        await settle(pilot)
        assert "Rank the drafts first: r" in said(pilot.app)
        assert "likely best" not in seen(pilot.app)
        await pilot.press("shift+tab", "plus", "m")
        await settle(pilot)
        assert "likely best" not in seen(pilot.app), "a thumb for one of them is no ranking"
        await pilot.press("shift+tab", "r", "1", "2", "3", "f", "enter")
        await settle(pilot)
        assert "likely best" not in seen(pilot.app), "nobody asked for it"
        await pilot.press("shift+tab", "m")
        await settle(pilot)
        screen = seen(pilot.app)
        assert screen.count("likely best") == 3
        assert "not said: Paris" in screen
        assert "ranked · reward warm agrees in " in screen
        assert " of 3 pairs" in screen


async def test_the_setting_shows_them_by_itself_after_a_ranking() -> None:
    settings = Settings(
        summary=BY_MODEL,
        generation=GenerationSettings(decoding="sample", drafts=3),
        feedback=FeedbackSettings(show_scores=True),
    )
    async with opened(an_app(ScriptedAssistant(*DRAFTS), settings), (140, 40)) as pilot:
        await summarize(pilot)
        assert "likely best" not in seen(pilot.app)
        await pilot.press("shift+tab", "r", "1", "2", "3", "enter")
        await settle(pilot)
        assert seen(pilot.app).count("likely best") == 3


async def test_a_single_answer_is_scored_once_it_is_rated() -> None:
    async with opened(an_app(), (140, 40)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "m")
        await settle(pilot)
        assert "Rate it first: + or -" in said(pilot.app)
        await pilot.press("shift+tab", "plus", "m")
        await settle(pilot)
        assert "▲ good · reward warm: " in seen(pilot.app)


async def test_without_metadata_only_what_one_must_know_stands_below_an_answer() -> None:
    bare = Settings(
        summary=BY_MODEL, generation=GenerationSettings(decoding="greedy"), screen=ScreenSettings(show_metadata=False)
    )
    async with opened(an_app(settings=bare), (140, 40)) as pilot:
        await summarize(pilot)
        assert "zero-shot · pocket" not in seen(pilot.app)
        await pilot.press("shift+tab", "plus")
        await settle(pilot)
        assert "▲ good" in seen(pilot.app)
        pilot.app.use_settings(Settings(summary=BY_MODEL, generation=bare.generation))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "11 words · zero-shot · pocket · 0.8 s · ▲ good" in seen(pilot.app), "the answers in view change, too"


async def test_changing_another_setting_leaves_the_chat_as_it_is() -> None:
    app = an_app(settings=Settings(summary=BY_MODEL))
    async with opened(app) as pilot:
        await settle(pilot)
        await paste(pilot, "/drafts 4")
        await pilot.press("enter")
        await settle(pilot)
        app.use_settings(Settings(summary=BY_MODEL, screen=ScreenSettings(theme="parley-light")))
        await settle(pilot)
        assert "4 drafts" in seen(app)
        app.use_settings(Settings(summary=BY_MODEL, generation=GenerationSettings(decoding="greedy")))
        await settle(pilot)
        assert "1 draft" in seen(app)


def test_agreement_counts_the_pairs_that_the_ranking_decided() -> None:
    # 0 over 1 and 2, which are tied, over 3, which failed: 0>1, 0>2, 0>3, 1>3, 2>3 are decided.
    placing = Placing(drafts=4, groups=((0,), (1, 2)), failed=(3,))
    # The scores have 0>1 and 0>2 the same way round, and the failed one before everything.
    assert describe_agreement("r2", placing, [0.5, 0.4, -1.0, 0.6]) == "reward r2 agrees in 2 of 5 pairs"
    assert describe_agreement("r2", Placing(drafts=2, groups=((0, 1),)), [1.0, 0.0]) == "reward r2"
    assert describe_agreement("warm", None, [0.25]) == "reward warm: +0.25"


def test_rewards_and_models_that_learned_from_a_judgement_are_told_apart() -> None:
    assert describe_effect([], [], ["a"], ["r4", "v2", "v3"]).endswith("used in reward r4 · trained v2, v3")
    assert describe_effect([], [], ["a"], ["r4"]).endswith("in all · used in reward r4")
