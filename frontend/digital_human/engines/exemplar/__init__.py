"""A template's own mouth as a stock of exemplars: its frames, measured, chosen for each output frame and re-posed.

After C. Bregler, M. Covell, M. Slaney, "Video Rewrite: driving visual speech with audio", SIGGRAPH 1997.

    engine            the engine, which picks the kind of mouth
    native            the template's own mouth: analyse, plan, render
    second_choice     another exemplar where the first one looked wrong
    live              the same for live sessions, frame by frame
    donor/            the mouth of somebody else, for templates that keep theirs shut
    speech_to_lips    audio -> lip curves of a standard speaker
    retargeting       ... -> curves in this person's range
    retrieval         ... -> an exemplar for each output frame
    lip_shape         ... -> the landmarks to draw
    renderer_inputs   ... -> tensors of the model `mouth_renderer`
    in_front          what is in front of the face in a batch of frames
    rbf               coefficients of displacement fields
    analysis          a template -> its atlas
    flaws             what makes frames unfit as exemplars
    stock             the exemplars, cropped and measured
    atlas             what the store keeps of a template
    appearance        measures of pixels: seam, sharpness, likeness
    lip_edges         where the lips end, by their colour
    lip_colour        one colour for the lips of all exemplars
    lip_geometry      measures of landmarks
    head_pose         head pose, and the shape of a face without it
"""
