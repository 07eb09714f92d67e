"""What the screens say: labels, hints, help, and figures in sentences."""
