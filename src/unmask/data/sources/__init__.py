"""One file for each data set: how it lies on disk and what its official splits are."""
