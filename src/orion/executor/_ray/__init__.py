"""The Ray engine: hosts, which are actors, run the calls in worker processes of their own; the driver has the queue."""
