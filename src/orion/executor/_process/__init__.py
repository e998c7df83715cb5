"""The process pool.

In the order in which a task meets them:

- ``pool``: the driver's side. Sends calls and commands the template; ``pump`` and ``hearing`` hear the rest.
- ``ledger``: its decisions, as plain state: who runs what, what expires, what is replaced.
- ``launch``: makes the channels and starts the template.
- ``template``: a small process with one thread, from which workers are forked, and which sees them die.
- ``worker``: runs calls, one after the other.
- ``ends``, ``verdicts``: how the ends of tasks and of workers reach their futures.
- ``limits``, ``memory``: what goes beyond its time or its memory is stopped.
- ``task_side``, ``adoption``, ``nested``: the executor as a task sees it, what the driver makes of that, its replies.

Both sides speak through ``wire`` (packets and frames), ``segments`` (what is larger than a
packet) and ``slots`` (what each worker is doing, in shared memory).

What does not depend on how workers are reached is written against ``base_pool`` and serves ``orion.executor._portable``
too, which takes the place of the rest where ``capabilities`` finds something missing.
"""
