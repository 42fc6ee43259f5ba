"""Pictures and files inside a page, which then needs no other file."""

import base64


def data_uri(content: bytes, mime: str) -> str:
    """Write bytes as a URI that a page can show or offer as a download.

    Args:
        mime: Its type, e.g. ``"image/jpeg"``.

    Example:
        >>> data_uri(b"unmask", "text/plain")
        'data:text/plain;base64,dW5tYXNr'
    """
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
