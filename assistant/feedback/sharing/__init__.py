"""Judgements as files for other tools and other people, with names taken out where asked."""
