"""Sends a session to receivers elsewhere, which then have viewers of their own.

pushes  the receivers of a service's sessions: begun, tried again, ended
rtmp    H.264 as the session made it, and AAC, over RTMP
whip    the session as WebRTC, offered over HTTP
"""
