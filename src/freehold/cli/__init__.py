"""The door for the operator: commands in the terminal.

In come words; out go sentences, progress, and exit 0 or 1. Every refusal says what to do next.
"""
