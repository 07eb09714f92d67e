"""What can be set for `assistant-train score`."""

import msgspec


class ScoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What texts are scored by."""

    reward: tuple[str, ...] = ("human", "0*unsupported", "0*roles", "0*harmless", "0*repetition")
    """Parts of the score, each as `[WEIGHT*]NAME[:SETTING]`; what weighs 0 is told and not added. `human:REF` is a
    trained reward, without a name the newest; `--model REF` says the same."""
    batch_size: int = 64
    """Texts scored together."""
    max_steps: int = 0
    """Score so many texts at most, drawn at random; 0 for all."""
    seed: int = 20261121
    """Fixes which texts are drawn."""
