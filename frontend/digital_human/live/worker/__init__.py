"""The process of one live session. Media come from strangers, so each session has its own.

main      the process, and its commands
speech    the speech as it comes, heard ahead of its frames
frames    the template's frames, decoded ahead
drawing   frames of the person, speaking and at rest
look      looks at a few pictures of what was said
rest      pictures of the mouth at rest, which come again and again
clock     when each picture and its sound go out
"""
