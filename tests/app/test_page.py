"""The page in headless Chromium, as somebody uses it."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.slow
WIDTHS = {"desktop": 1280, "phone": 390}


class Visitor:
    """Somebody in front of the page."""

    def __init__(self, browser: BrowserContext, url: str, width: int = 1280) -> None:
        self.page = browser.new_page()
        self.page.set_viewport_size({"width": width, "height": 900})
        self.elsewhere: list[str] = []
        self.responses: list[Any] = []
        self.page.on("request", lambda request: self._note(request.url, url))
        self.page.on("response", lambda response: self.responses.append(response))
        self.page.goto(url)
        self.page.wait_for_selector("#go")

    def _note(self, address: str, url: str) -> None:
        if not address.startswith((url, "data:", "blob:")):
            self.elsewhere.append(address)

    def answers(self) -> str:
        """Return the text of all that the server has answered, but for its streams."""
        kinds = ("application/json", "text/html")
        return " ".join(
            response.text()
            for response in self.responses
            if response.headers.get("content-type", "").startswith(kinds)
        )

    def give(self, file: Path, place: str = "video") -> None:
        tabs = {"video": "Video", "folder": "Folder of frames (zip)", "image": "Image"}
        self.page.get_by_role("tab", name=tabs[place]).click()
        self.page.set_input_files(f"#{place} input[type=file]", file)
        self.page.wait_for_selector(f"#{place} >> text={file.stem[:6]}")

    def verdict(self) -> str:
        """Press the button and return the verdict's word."""
        self.page.click("#go")
        self.page.wait_for_selector("#evidence h1")
        return self.page.inner_text("#evidence h1")

    def problem(self) -> str:
        self.page.click("#go")
        self.page.wait_for_selector("#sentence .problem")
        return self.page.inner_text("#sentence .problem")


@pytest.fixture
def visitor(browser: BrowserContext, server: Any) -> Iterator[Visitor]:
    person = Visitor(browser, server.url)
    yield person
    person.page.close()


@pytest.mark.parametrize("place", ["video", "folder", "image"])
def test_an_upload_gets_its_verdict_with_details_and_faces(
    place: str, visitor: Visitor, film: Path, zipped: Path, frames: list[Path]
) -> None:
    visitor.give({"video": film, "folder": zipped, "image": frames[0]}[place], place)
    word = visitor.verdict()
    page = visitor.page
    assert word in ("Real", "Fake", "Uncertain")
    assert word in page.inner_text("#label")
    said = page.inner_text("#details")
    assert re.search(r"tiny: Real [\d.]+ % \| Fake [\d.]+ % \| Prediction: (Real|Fake)", said)
    assert page.locator("#evidence .gallery img").count() >= 2
    assert page.locator("#evidence svg").count() == (0 if place == "image" else 1)
    # What a person downloads is the evidence itself.
    with page.expect_download() as download:
        page.click("#download a")
    evidence = json.loads(Path(download.value.path()).read_text())
    assert evidence["verdict"] == word.lower()
    assert evidence["input"]["kind"] == {"folder": "zip"}.get(place, place)


def test_the_page_fetches_nothing_from_elsewhere_and_names_no_path(
    visitor: Visitor, film: Path, server: Any
) -> None:
    visitor.give(film)
    visitor.verdict()
    assert visitor.elsewhere == []
    said = visitor.page.content() + visitor.answers()
    for path in (
        server.temporary,
        server.flagged.parent,
        Path.home(),
        Path(pytest.__file__).parent,
    ):
        assert str(path) not in said


def test_it_says_what_the_demo_model_is_worth_before_anything_is_asked(visitor: Visitor) -> None:
    assert "only ever seen synthetic people" in visitor.page.inner_text(".warning")
    visitor.page.click("#cards")
    assert "never tested on a data set that it was not trained on" in visitor.page.inner_text(
        "body"
    )


def test_of_several_uploads_the_folder_is_judged_and_it_says_so(
    visitor: Visitor, film: Path, zipped: Path, frames: list[Path]
) -> None:
    visitor.give(film)
    visitor.give(zipped, "folder")
    visitor.give(frames[0], "image")
    visitor.verdict()
    assert "A folder, an image and a video were given; the folder" in visitor.page.inner_text(
        "#sentence"
    )
    assert "zip" in visitor.page.inner_text("#evidence dl")


def test_a_case_can_be_asked_again_and_flagged(visitor: Visitor, film: Path, server: Any) -> None:
    visitor.give(film)
    visitor.verdict()
    page = visitor.page
    page.click("#go")
    page.wait_for_selector("#sentence >> text=is judged again")
    page.fill("#reason textarea, #reason input", "Her <b>eyes</b>")
    page.click("#flag")
    page.wait_for_selector("#flagged >> text=Kept on the server as case")
    said = page.inner_text("#flagged")
    key = re.search(r"case (\w+)", said).group(1)
    kept = server.flagged / key
    assert {path.name for path in kept.iterdir()} == {
        "evidence.json", "verdict.html", "upload.bin", "flag.json",
    }  # fmt: skip
    assert json.loads((kept / "flag.json").read_text())["note"] == "Her <b>eyes</b>"
    assert (kept / "upload.bin").read_bytes() == film.read_bytes()
    assert str(server.flagged) not in said


def test_an_example_gets_a_verdict(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Swapped face").click()
    visitor.page.wait_for_selector("#evidence h1")
    assert "of a person who does not exist" in visitor.page.inner_text("#sentence")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("notes.mp4", "notes.mp4 is neither a video, nor an image, nor a zip of frames"),
        ("empty.mp4", "empty.mp4 is empty"),
        ("bomb.zip", "bomb.zip unpacks to more than 20 MiB"),
        ("climber.zip", "climber.zip holds a path that leads out of it"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(
    name: str, sentence: str, visitor: Visitor, bomb: Path, climber: Path, tmp_path: Path
) -> None:
    known = {"bomb.zip": bomb, "climber.zip": climber}
    file = known.get(name, tmp_path / name)
    if name == "notes.mp4":
        file.write_text("Buy milk.")
    if name == "empty.mp4":
        file.touch()
    visitor.give(file, "folder" if name.endswith("zip") else "video")
    assert sentence in visitor.problem()


def test_heat_maps_are_drawn_where_asked(visitor: Visitor, film: Path) -> None:
    visitor.page.click("#settings")
    visitor.page.get_by_label("Draw where the first model looks").check()
    visitor.give(film)
    visitor.verdict()
    said = visitor.page.inner_text("#evidence")
    assert "Where it looks" in said
    assert "Grad-CAM" in said


def test_it_says_what_it_does_and_stops_where_asked(visitor: Visitor, long_film: Path) -> None:
    page = visitor.page
    page.click("#settings")
    page.get_by_label("number input for Number of frames").fill("100")
    visitor.give(long_film)
    page.click("#go")
    page.wait_for_selector("text=Reading frames and looking for faces")
    page.click("#cancel")
    page.wait_for_selector("#sentence .problem")
    assert "stopped" in page.inner_text("#sentence .problem").lower()
    assert page.locator("#evidence h1").count() == 0


# Keeps the text of all that is added to a page, because a message vanishes after some seconds.
KEEP_TEXT = """window.said = "";
new MutationObserver(records => records.forEach(record => record.addedNodes.forEach(
    node => { window.said += node.textContent }
))).observe(document.body, {childList: true, subtree: true})"""


def test_a_full_queue_is_said(browser: BrowserContext, small_server: Any, long_film: Path) -> None:
    """While one is answered and one waits, a third is told so, whoever of them comes third."""
    people = [Visitor(browser, small_server.url) for _ in range(3)]
    for person in people:
        person.page.click("#settings")
        person.page.get_by_label("number input for Number of frames").fill("100")
        person.give(long_film)
        person.page.evaluate(KEEP_TEXT)

    def is_refused(person: Visitor) -> bool:
        return "This application is currently busy" in str(person.page.evaluate("window.said"))

    # On a slow machine the first may be answered before the third asks: then all ask again.
    while not any(map(is_refused, people)):
        for person in people:
            person.page.click("#go")
        people[0].page.wait_for_timeout(500)
    for person in people:
        person.page.close()


def test_a_film_without_a_face_is_answered_so(visitor: Visitor, faceless: Path) -> None:
    visitor.give(faceless)
    assert visitor.verdict() == "No face"
    assert "No face was found in" in visitor.page.inner_text("#evidence")


def test_without_an_upload_it_asks_for_one(visitor: Visitor) -> None:
    assert "There is nothing to judge" in visitor.problem()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_wider_than_the_window(
    width: int, browser: BrowserContext, server: Any, film: Path, tmp_path: Path
) -> None:
    person = Visitor(browser, server.url, width)
    person.give(film)
    person.verdict()
    person.page.screenshot(path=tmp_path / f"{width}.png", full_page=True)
    wide = person.page.evaluate("document.documentElement.scrollWidth")
    person.page.close()
    assert wide <= width


def test_leaving_the_page_removes_its_upload(
    browser: BrowserContext, server: Any, film: Path
) -> None:
    before = server.files()
    person = Visitor(browser, server.url)
    person.give(film)
    person.verdict()
    assert len(server.files() - before) == 1
    person.page.close()
    while server.files() - before:  # for as long as the server needs; pytest's own limit ends it
        time.sleep(0.2)
