"""The orchestrator: REST contract, jobs, the frame pipeline, media and the Triton client. It holds no network."""

import os

# Before numpy and OpenCV are first imported: linear systems and pictures are small here, and threads that share one
# spend more time waiting for one another than working. The cores belong to the encoder and the networks.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
