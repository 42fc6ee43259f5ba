"""Parts of somebody else's."""
