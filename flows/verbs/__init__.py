"""The verbs of the command line, by what they are about, and what all of them share.

Everything heavier than click is imported by the verb that needs it.
"""
