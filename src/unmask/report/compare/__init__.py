"""Several runs beside each other; each module writes one part of the overview."""
