"""Errors, labels, atomic files and reproducibility. Imports nothing else of unmask."""
