"""Training, calibration and evaluation of the speech -> lip shape network. `python -m training.speech` trains it."""
