"""The engine of Dask: its scheduler decides where a task runs and when, the rest of the contract is kept here.

- ``connection``: the client, and the cluster of our own if there is no other; what is wrong, in words.
- ``cluster``: a cluster on this machine whose workers never import ``__main__``.
- ``dispatch``: the driver's side: sends calls in batches, hears how they ended.
- ``lost``: what becomes of tasks whose worker was lost.
- ``worker_part``: runs a call in processes of its own, by ``_hosted.seat``.
- ``scheduler_part``: keeps the scheduler from running a task again by itself.
- ``marks``: which tasks a worker has begun, readable after it has died.
- ``keys``: what tasks are called among Dask's.

The parts in the scheduler and in the workers are Dask plugins, which the driver registers.

A result that is not large travels as an event of Dask's, on the connections that are there already, so the driver is
woken by it and need not fetch it. A larger one stays with the worker until the driver fetches it.
"""
