"""The demo's community: invented people of a small town, what they say, and pictures drawn by the program.

Only data and drawing live here; the command that writes them as real records uses the same way as every member.
"""
