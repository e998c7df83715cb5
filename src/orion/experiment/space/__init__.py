"""What is searched: priors, their notation, and settings that are given instead."""
