"""What every page shares: templates, and later their style, numbers and pictures."""
