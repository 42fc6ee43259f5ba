"""How numbers are written for a person."""


def number(value: float | None) -> str:
    """Write a metric with three decimals, and never round one up to perfection.

    Example:
        >>> number(0.98765), number(0.99999), number(1.0), number(None)
        ('0.988', '> 0.999', '1.000', 'n/a')
    """
    if value is None:
        return "n/a"
    if 0.9995 <= value < 1.0:
        return "> 0.999"
    if 0.0 < value < 0.0005:
        return "< 0.001"
    return f"{value:.3f}"


def interval(estimate: dict[str, float | None]) -> str:
    """Write the interval of an estimate.

    Example:
        >>> interval({"value": 0.9, "low": 0.8123, "high": 0.95})
        '[0.812, 0.950]'
        >>> interval({"value": 1.0, "low": 1.0, "high": 1.0})
        '[no spread]'
        >>> interval({"value": 1.0, "low": None, "high": None})
        '[one group]'
    """
    if estimate["low"] is None:
        return "[one group]"
    if estimate["low"] == estimate["high"]:
        return "[no spread]"
    return f"[{number(estimate['low'])}, {number(estimate['high'])}]"


def percent(value: float | None) -> str:
    """Write a share as a percentage.

    Example:
        >>> percent(0.125), percent(None)
        ('12.5 %', 'n/a')
    """
    return "n/a" if value is None else f"{100 * value:.1f} %"
