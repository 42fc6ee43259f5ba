"""Data sets: manifests, sources, splits, stores of face crops and the clips cut from them."""
