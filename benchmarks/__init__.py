"""What the engines cost, measured beside other libraries and beside what the machine itself allows.

- ``peers``: one adapter a library, ours among them.
- ``measures``: one measurement a file, written against the adapters, with the physical limit that belongs to it.
- ``once``: takes one measurement of one contestant, in an interpreter of its own; ``rounds``: all, several times.
- ``figures``: what the process engine is to reach; ``report`` says what it reached.

``make bench-pool`` writes the table of the process engine.
"""
