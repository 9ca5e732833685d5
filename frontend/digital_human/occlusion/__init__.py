"""What is in front of a face: hands, microphones, cups, paper, hair. `core.cover` has the masks that this makes.

cover       masks of a template, and how they are applied to pictures
face_crops  crops of the lower face in one pose
tidy        probabilities of the network -> masks that do not flicker
masks       a template -> its masks, through the network `face_occlusion`
"""
