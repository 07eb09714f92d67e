"""Types for numbers within a range; `training.cli.flags.build` refuses values outside it and names the setting."""

from typing import Annotated

from msgspec import Meta

_HUGE = 1e12
"""Beyond every sensible weight: msgspec takes no infinity as a bound."""

Count = Annotated[int, Meta(ge=0)]
"""0 or more."""
AtLeastOne = Annotated[int, Meta(ge=1)]
"""What is divided by, or must happen."""
Weight = Annotated[float, Meta(ge=0.0, le=_HUGE)]
"""A finite number, 0 or more."""
Above0 = Annotated[float, Meta(gt=0.0, le=_HUGE)]
"""A finite number above 0."""
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A part of a whole, which may be all of it."""
Rest = Annotated[float, Meta(ge=0.0, lt=1.0)]
"""A part of a whole that leaves something."""
