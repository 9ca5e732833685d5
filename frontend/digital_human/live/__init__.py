"""Live sessions: speech comes in as it is spoken, and pictures and sound go out by one clock.

messages   between service and worker process, and the header of what goes to clients
channel    how these messages travel
process    the service's side of one worker process
session    one session
sessions   all sessions of a service
brake      slows queued jobs down while somebody speaks live
tokens     short-lived permission in a session's addresses
viewers    what one client is sent
webrtc     WebRTC peers
push/      receivers that a session is sent on to
worker/    the process: a session's speech, drawing and clock
"""
