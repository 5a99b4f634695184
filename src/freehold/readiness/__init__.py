"""What a network depends on outside of itself, what takes the place of each, and whether that was ever tried."""
