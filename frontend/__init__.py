"""The orchestrator: REST contract, jobs, the frame pipeline, media and the Triton client. It holds no network."""

import os

# Before numpy is first imported: its linear systems are small here, and OpenBLAS's threads spend more time waiting for
# one another than solving them. The cores belong to the encoder and the networks.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
