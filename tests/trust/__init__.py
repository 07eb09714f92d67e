"""Long-running harnesses that check the guarantees in docs/architecture.md: faults, fuzzing, hostile texts, soak. `make
trust` runs them all.
"""
