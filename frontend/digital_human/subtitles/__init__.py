"""Subtitles of a speech whose text is known: when what is said, as files and as pictures."""
