"""Types for numbers within a range. `training.cli.flags.build` raises an error that names the option for others."""

from typing import Annotated

from msgspec import Meta

_HUGE = 1e12
"""Larger than every sensible weight. msgspec does not accept infinity as a bound."""

Count = Annotated[int, Meta(ge=0)]
"""0 or more."""
AtLeastOne = Annotated[int, Meta(ge=1)]
"""1 or more."""
Weight = Annotated[float, Meta(ge=0.0, le=_HUGE)]
"""A finite number, 0 or more."""
Above0 = Annotated[float, Meta(gt=0.0, le=_HUGE)]
"""A finite number above 0."""
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A share from 0 to 1."""
Rest = Annotated[float, Meta(ge=0.0, lt=1.0)]
"""A share from 0 to below 1."""
