"""One trial where it runs: it is told what to do, captures what is printed, and says how it ended.

This runs in the workers: nothing here imports anything heavy.
"""
