"""Gradio's server with safe settings."""

from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from unmask.app.middleware import GuardMiddleware
from unmask.app.page import STYLE
from unmask.app.uploads import UPLOADS_KEPT
from unmask.config.schema import AppConfig
from unmask.core.errors import ConfigError


def launch(page: gr.Blocks, config: AppConfig, *, uploads: Path, max_bytes: int) -> str:
    """Start the server in a thread of its own.

    Args:
        config: Where, and how many questions may wait.
        uploads: Where Gradio puts uploads.

    Returns:
        The page's address.

    Raises:
        ConfigError: If the port is taken.
    """
    fonts = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]
    theme = gr.themes.Base(font=_plain(fonts), font_mono=_plain(["ui-monospace", "monospace"]))
    guard = Middleware(
        GuardMiddleware,
        folder=uploads,
        max_bytes=max_bytes,
        max_waiting_bytes=UPLOADS_KEPT * max_bytes,
    )
    page.queue(max_size=config.queue_limit)
    try:
        _, url, _ = page.launch(
            server_name=config.host,
            server_port=config.port or None,
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
            app_kwargs={"middleware": [guard]},
        )
    except OSError as error:
        raise ConfigError(
            f"The page cannot be served at {config.host}:{config.port}: the port is taken, or "
            "the address is not this machine's. Choose another with port=<number> (0: any)."
        ) from error
    return str(url)


def _plain(names: list[str]) -> list[gr.themes.Font | str]:
    return [gr.themes.Font(name) for name in names]
