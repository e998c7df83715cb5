"""What the engine of foreign pools says: what each kind of pool cannot do, and what a pool's own errors mean.

- ``limitations``: by where the calls run: in threads, in processes of their own, in the pool's workers.
- ``errors``: a pool's own exceptions, translated by their types.
"""
