"""A run on disk: its card, its identity, and the sweeps that runs belong to. No torch."""
