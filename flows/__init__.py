"""The steps in order, and the command line."""
