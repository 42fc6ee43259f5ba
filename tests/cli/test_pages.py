"""The pages of runs and of their comparison, as a reader opens them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from unmask.cli.main import main

pytestmark = pytest.mark.slow
MAX_BYTES = 5_000_000
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def folder(trained_run: Path, other_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a comparison of two runs with names that no line is broad enough for."""
    out = tmp_path_factory.mktemp("comparison")
    for run in (trained_run, other_run):
        name = f"{run.name}_plain_cnn_transformer_with_a_long_name_on_synthetic_ffpp"
        shutil.copytree(run, out / name)
        card = json.loads((run / "run.json").read_text())
        (out / name / "run.json").write_text(json.dumps(card | {"name": name}))
    main(["report", f"runs={out}/run*", "eval.num_resamples=20", f"hydra.run.dir={out}"])
    return out


@pytest.fixture(params=WIDTHS.values(), ids=WIDTHS)
def page(request: pytest.FixtureRequest, browser: BrowserContext) -> Iterator[Page]:
    """Return a page of a browser without a network."""
    browser.set_offline(True)
    page = browser.new_page()
    page.set_viewport_size({"width": request.param, "height": 900})
    yield page
    page.close()


@pytest.mark.parametrize("name", ["overview.html", "*/report.html"])
def test_a_page_needs_no_network_fits_the_window_and_shows_its_pictures(
    name: str, page: Page, folder: Path
) -> None:
    path = sorted(folder.glob(name))[0]
    assert path.stat().st_size <= MAX_BYTES
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    # Tables that are stacked for a phone are read without moving them sideways.
    sheets = "[...document.querySelectorAll('.sheet')].filter(one => one.querySelector('.stack'))"
    beyond = page.evaluate(f"{sheets}.filter(one => one.scrollWidth > one.clientWidth + 1).length")
    assert page.viewport_size["width"] > 400 or beyond == 0
    pictures = page.evaluate("[...document.images].map(one => one.complete && one.naturalWidth)")
    assert pictures
    assert all(pictures)
