"""Looks at what was drawn, before it leaves.

views      mouths in one pose, as small pictures
person     how this person usually looks, measured once for each template
inside     what lies between the lips
strange    what this person never showed
figures    measures of drawn frames, and the kinds of faults that they show
findings   what became of the frames that were looked at, for reports and warnings
inspector  which frames are looked at, and what happens to a ruined one
"""
