"""`python -m training` is `assistant-train`; torchrun starts it so."""

from training.cli import main

if __name__ == "__main__":
    main()
