"""What the engines cost, measured beside other libraries and beside what the machine itself allows.

- ``peers``: one adapter a library, ours among them; ``environments``: what those are made of that need their own.
- ``measures``: one measurement a file, written against the adapters, with the physical limit that belongs to it.
- ``once``: takes values of one contestant, in an interpreter of its own, ``confined`` so that nothing is left of it;
  ``rounds``: all, several times; ``results``: what there is, a line a value.
- ``page`` and ``plots``: the page of the docs, made of all.
- ``figures``: what the process engine is to reach; ``report`` says what it reached.

``make bench`` measures everything and writes the page; ``make bench-pool`` measures the process engine only.
"""
