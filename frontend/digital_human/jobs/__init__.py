"""Durable jobs: a queue in a database, workflows that outlive their process, workers that may die.

models        a job as it is asked for, as it is queued, and as its caller sees it
validation    from a request to a job that may be queued
queue         submit, get, list, cancel, wait
estimates     which tasks wait and run, and when one ends
opened        the queue with its database and workflows, until it is closed
batches       many jobs at once, whose rows join the queue little by little
records       the names under which jobs are on record
database_threads  threads for calls that wait for the database
workflow      a job and its webhook as durable workflows
steps         the steps of a job, each on record once it is done
recorded      a step on record, tried again while its error may pass
avatar_defaults  voice and options of an avatar, where a job names none
study         the study of an avatar as a durable workflow
stills        the faces of a template, for a caller who waits
segments      the segments of a job, rendered by its worker and by helpers
publish       the finished file comes to its place, once
progress_webhooks  webhooks with the progress of a running job
cancellation  cancelled, taken over, too late, or the service stops
watcher       polls the database for everybody who waits
liveness      jobs of dead processes go back to the queue
cleanup       removes what is no longer needed
sqlite        SQLite as DBOS needs it
worker        the process that does the work, and the service's side of it

Nothing is imported here: a worker needs neither the queue nor its database, which would double its start.
"""
