"""Certificates for the names that are served here: ordered, kept sealed, renewed, and put before every connection."""
