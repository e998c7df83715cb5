"""Who was busy when: ``executor.trace(…)``, and the counters of ``executor.counters()``.

While a trace runs, each engine tells when and where a task ran. What is told is appended to lists, and made into a file
when the trace ends.
"""
