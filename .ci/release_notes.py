"""Print what CHANGELOG.md says about a release; with its tag, first check that it can be made.

python .ci/release_notes.py            # the section of the version that pyproject.toml names
python .ci/release_notes.py v0.1.0     # the same, for the release with this tag
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# `## [0.1.0] - 2026-12-01`; each section ends where the next one begins.
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>.*?))?\s*$", flags=re.MULTILINE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def release_notes(changelog: str, version: str, *, tag: str | None = None) -> str:
    """Return the section of a version, without its heading.

    Args:
        changelog: Text in the format of Keep a Changelog.
        version: As pyproject.toml has it.
        tag: Of a release that is to be made now; None for a look at its notes.

    Raises:
        ValueError: If the tag is not the version's, or the section is missing, empty or, for a
            release, without a date.
    """
    if tag is not None and tag != f"v{version}":
        raise ValueError(
            f"The tag is {tag}, but pyproject.toml has version {version}: its tag is v{version}."
        )
    headings = list(HEADING.finditer(changelog))
    versions = [heading["version"] for heading in headings]
    if version not in versions:
        raise ValueError(
            f"CHANGELOG.md has no section [{version}]; it has {', '.join(versions) or 'none'}."
        )
    place = versions.index(version)
    heading = headings[place]
    if tag is not None and not DATE.fullmatch(heading["date"] or ""):
        raise ValueError(
            f"CHANGELOG.md dates [{version}] {heading['date']!r}: write the day of the release, "
            "as in 2026-12-01."
        )
    end = headings[place + 1].start() if place + 1 < len(headings) else None
    notes = changelog[heading.end() : end].strip()
    if not notes:
        raise ValueError(f"The section [{version}] of CHANGELOG.md is empty.")
    return notes


def main(arguments: list[str]) -> None:
    """Print the notes, or one sentence and exit with 2."""
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    try:
        notes = release_notes(changelog, version, tag=arguments[0] if arguments else None)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    sys.stdout.write(f"{notes}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
