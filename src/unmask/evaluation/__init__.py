"""Prediction tables and what is measured on them. Imports no torch."""
