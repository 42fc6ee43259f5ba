"""The one Jinja environment of all pages, with the filters that write numbers."""

from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from unmask.pages.numbers import interval, number, percent

ENDING: Final = "html.jinja"


def templates_of(package: str) -> Environment:
    """Return the templates of a package's folder ``templates``, and behind them the shared ones.

    A name that a template is not given is an error; what ends in ``.html.jinja`` is escaped.
    """
    templates = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, "templates"), PackageLoader("unmask.pages", "templates")]
        ),
        autoescape=select_autoescape(enabled_extensions=(ENDING,)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"number": number, "interval": interval, "percent": percent}
    return templates
