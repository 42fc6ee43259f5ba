"""Gradio's server with safe settings."""

from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from unmask.app.middleware import Gate
from unmask.app.page import STYLE
from unmask.app.serving import UPLOADS_KEPT, Serving
from unmask.core.errors import ConfigError


def launch(page: gr.Blocks, serving: Serving, *, uploads: Path, max_bytes: int) -> str:
    """Start the server in a thread of its own.

    Args:
        serving: Where, and within which bounds.
        uploads: Where Gradio puts uploads.

    Returns:
        The page's address.

    Raises:
        ConfigError: If the port is taken.
    """
    fonts = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]
    theme = gr.themes.Base(font=_plain(fonts), font_mono=_plain(["ui-monospace", "monospace"]))
    gate = Middleware(
        Gate, folder=uploads, max_bytes=max_bytes, max_waiting_bytes=UPLOADS_KEPT * max_bytes
    )
    page.queue(max_size=serving.queue_limit)
    try:
        _, url, _ = page.launch(
            server_name=serving.host,
            server_port=serving.port or None,
            share=False,
            inbrowser=False,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            max_file_size=max_bytes,
            allowed_paths=[],
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            ssr_mode=False,
            run_history=False,
            footer_links=[],
            state_session_capacity=1_000,
            theme=theme,
            css=STYLE,
            app_kwargs={"middleware": [gate]},
        )
    except OSError as error:
        raise ConfigError(
            f"The page cannot be served at {serving.host}:{serving.port}: the port is taken, or "
            "the address is not this machine's. Choose another with port=<number> (0: any)."
        ) from error
    return str(url)


def _plain(names: list[str]) -> list[gr.themes.Font | str]:
    return [gr.themes.Font(name) for name in names]
