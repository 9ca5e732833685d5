"""The orchestrator: REST contract, jobs, the frame pipeline, media and the Triton client. It holds no network."""
