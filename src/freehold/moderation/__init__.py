"""Reports, as they come in. Queue, decisions, labels and appeals will stand here.

Owns the table report. Reads nobody else's.
"""
