"""Which frames of a video to look at, and how to read and write them."""
