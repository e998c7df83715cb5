"""The Slurm engine: a folder that driver and jobs share, the program that a job runs, and the driver's thread."""
