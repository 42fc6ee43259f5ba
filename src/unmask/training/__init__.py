"""Fitting a detector with Lightning."""
