"""Durable jobs: a queue in a database, workflows that outlive their process, workers that may die.

spec          a job as it lies in the queue, a task as its caller sees it
queue         submit, look, list, cancel, wait
workflow      the steps of a job, each on record once done
worker        the process in which the work is done; `process` is the service's side of it
publish       the finished file comes to its place, once
control       cancelled, taken over, too late, or the service stops
watch         one look at the database a moment, for all who wait
liveness      jobs of dead processes go back to the queue
housekeeping  what nobody needs any more

Nothing is imported here: a worker has no use for the queue and its database, which would double its start.
"""
