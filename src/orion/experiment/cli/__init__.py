"""The command line, ``orion-executor``: one sub-command a file. Heavy imports are made when a command runs."""
