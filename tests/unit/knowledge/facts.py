"""The facts in every sample: when the harbour office of Lindmark opens, and where long boats moor."""

FACT = "The harbour office opens at half past seven."
OTHER = "Boats longer than twelve metres moor at the north pier."
