"""One function per verb; each receives objects, never a config."""
