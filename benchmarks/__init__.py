"""Measurements, and how to repeat them; docs/performance.md has the results."""

import digital_human  # noqa: F401  before numpy, as in the service: it decides on numpy's threads
