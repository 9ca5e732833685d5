"""The processes in which media are decoded and videos are made.

main      the loop of the process
session   the job that it has in hand
protocol  the messages between service and process
process   the service's side of one process
pool      all processes of a service
memory    the memory that a process may hold
"""
