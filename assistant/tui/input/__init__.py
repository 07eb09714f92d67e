"""What the user types and pastes: completed, read and routed."""
