"""Temporal heads: from one vector per frame to two logits per clip."""
