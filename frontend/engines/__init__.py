"""Engines: one way each to make a template say a speech. `ENGINES` names those that exist."""
