"""The donor atlas: `python -m training.donor.build_atlas` builds it from talking clips of one person."""
