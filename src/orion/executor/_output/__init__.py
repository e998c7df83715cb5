"""What tasks print and log, on its way to the driver: ``options(output=…, logs=…)``.

A worker process keeps one socket to the driver's :class:`~orion.executor._output.outlet.Outlet`. For each task it makes
a pipe, hands the reading end to the driver, and has the task write into the other; so what was printed is in the
kernel's hands at once and survives the worker. Where tasks share the driver's process, what their threads print is told
apart.
"""
