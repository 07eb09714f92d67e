"""The two looks that Parley brings along: calm greys and one accent."""

from textual.theme import Theme

THEMES = (
    Theme(
        name="parley-dark",
        primary="#6cb6a8",
        secondary="#8b93a1",
        accent="#6cb6a8",
        foreground="#d8dce3",
        background="#15171b",
        surface="#1a1d22",
        panel="#23272e",
        success="#8fb573",
        warning="#d7a65f",
        error="#d9777f",
        dark=True,
        variables={
            "footer-key-foreground": "#6cb6a8",
            "footer-background": "#15171b",
            "block-cursor-background": "#28403c",
            "block-cursor-foreground": "#d8dce3",
        },
    ),
    Theme(
        name="parley-light",
        primary="#0f766e",
        secondary="#6b7280",
        accent="#0f766e",
        foreground="#2a2d32",
        background="#fbfaf7",
        surface="#f4f2ed",
        panel="#e8e5de",
        success="#4d7c0f",
        warning="#b45309",
        error="#b4232f",
        dark=False,
        variables={
            "footer-key-foreground": "#0f766e",
            "footer-background": "#fbfaf7",
            "block-cursor-background": "#cfe5e1",
            "block-cursor-foreground": "#2a2d32",
        },
    ),
)
