"""The web page: the verdicts of :mod:`unmask.verdict`, asked for in a browser.

Needs the extra ``[app]`` (Gradio). Nothing here decodes, detects or scores; uploads are handed to a
``Predictor`` within ``InputLimits``, and what it says is laid out.
"""
