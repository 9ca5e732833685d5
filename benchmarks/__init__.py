"""What is measured, and how to measure it again; docs/performance.md tells what came out."""

import digital_human  # noqa: F401  before numpy, as in the service: it decides on numpy's threads
