"""Notes which process has imported it."""

import os

PID = os.getpid()
