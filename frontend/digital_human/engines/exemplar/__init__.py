"""The mouth of a template as a stock of exemplars: the frames of the person's own mouth, measured, chosen and re-posed.

After C. Bregler, M. Covell, M. Slaney, "Video Rewrite: driving visual speech with audio", SIGGRAPH 1997.

    face       vertices of the mesh, and what is measured on them
    pose       head pose; the head-free ("canonical") shape
    pixels     what only the picture can tell: seam, sharpness, likeness
    atlas      what is kept of a template
    analysis   a template -> its atlas
    speech     audio -> lip curves of a standard speaker
    curves     ... -> curves in this person's range
    retrieval  ... -> an exemplar for every output frame
    shape      ... -> the landmarks to be drawn
    warp       ... -> coefficients of the displacement fields
    layers     ... -> tensors of the network `mouth_renderer`
    own        all of it: how a template speaks with its own mouth
"""
