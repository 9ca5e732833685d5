"""How the network `face_occlusion` was trained; docs/model-card-face-occlusion.md tells of it."""
