"""What is measured, and how to measure it again; docs/performance.md tells what came out."""
