"""How the networks that ship with the project were trained.

speech/    the speech -> lip shape network
donor/     the donor's mouths, for templates whose own mouth never opens
"""
