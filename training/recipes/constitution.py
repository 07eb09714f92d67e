"""What can be set for `assistant-train constitution`."""

from pathlib import Path
from typing import Literal

import msgspec


class ConstitutionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How drafts are judged by principles."""

    principles: Path | None = None
    """TOML file of principles; without it those that come with Parley."""
    drafts: int = 4
    """Drafts that the model writes for a conversation that brings none."""
    ask: Literal["auto", "never"] = "auto"
    """Whether the model judges and revises too, once it has proven able: it must tell a draft from one of another
    conversation, in both orders."""
    probes: int = 20
    """Conversations that the model has to prove itself on."""
    able: float = 0.7
    """Share of them that it must get right in both orders."""
    max_steps: int = 0
    """Conversations at most; 0 for all."""
    seed: int = 20261121
    """Fixes the drafts."""
