"""The long harnesses behind docs/trust.md: faults, fuzzing, hostile texts, soak. `make trust` runs them all."""
