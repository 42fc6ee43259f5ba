"""Classes that earlier versions knew under another name, for the files that they have written."""

from typing import Final

# Old name -> today's.
TARGETS: Final[dict[str, str]] = {}
# Beginning of old names -> that of today's; the first one that fits counts.
PREFIXES: Final[dict[str, str]] = {}
