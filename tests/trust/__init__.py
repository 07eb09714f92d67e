"""The long harnesses behind the promises in docs/architecture.md: faults, fuzzing, hostile texts, soak.
`make trust` runs them all.
"""
