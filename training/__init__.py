"""How the networks and the data that ship with the project were made.

speech/     the speech -> lip shape network
donor/      the donor's mouths, for templates whose own mouth never opens
occlusion/  the network that sees what is in front of a face
voices/     the voices: packing, samples, and the spelling of words that no lexicon has
face_mesh   landmarks of a clip's face, for all of them
"""
