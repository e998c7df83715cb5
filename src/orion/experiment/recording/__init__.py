"""What is recorded of trials, in the database and in their folders, and reading it."""
