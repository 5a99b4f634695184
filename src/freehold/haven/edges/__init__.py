"""Edges: throw-away machines in front of a network, which pass TLS on by name and can read none of it."""
