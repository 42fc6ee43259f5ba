"""Configuration files, for hydra.searchpath=[pkg://gloss.conf]."""
