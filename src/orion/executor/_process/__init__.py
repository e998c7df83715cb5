"""The process pool.

In the order in which a task meets them:

- ``pool``: the driver's side. Sends calls, hears results, commands the template.
- ``ledger``: its decisions, as plain state: who runs what, what expires, what is replaced.
- ``launch``: makes the channels and starts the template.
- ``template``: a small process with one thread, from which workers are forked, and which sees them die.
- ``worker``: runs calls, one after the other.
- ``nested``: the executor as a task in a worker sees it.

Both sides speak through ``wire`` (packets and frames), ``segments`` (what is larger than a
packet) and ``slots`` (what each worker is doing, in shared memory).
"""
