"""A service that keeps running and does a night every day, each in a process of its own."""
