"""OpenForensics: photographs of several people, some of whose faces are forged.

Le et al., "OpenForensics: Large-Scale Challenging Dataset For Multi-Face Forgery Detection And
Segmentation In-The-Wild", ICCV 2021.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final, Literal, get_args

import pandas as pd

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import CLASS_NAMES
from unmask.data.manifest import BOXES
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    Video,
    check_layout,
    check_name,
    check_root,
    media_kind,
    read_json,
    relative_posix,
    to_videos,
    walk_files,
)
from unmask.data.sources.tree import absent_notes, label_of_word

TestPart = Literal["Test-Dev", "Test-Challenge"]
# Images of each part as published; together 115,325.
PUBLISHED: Final = {"Train": 44122, "Val": 7308, "Test-Dev": 18895, "Test-Challenge": 45000}
SPLITS: Final = {"Train": "train", "Val": "val", "Test-Dev": "test", "Test-Challenge": "test"}
EXAMPLE: Final = '{"categories": [{"id": 0, "name": "Real"}], "images": [], "annotations": []}'


@dataclass(frozen=True, kw_only=True)
class OpenForensics:
    """One row for each annotated face, with its own label, box and the image as its group.

    A face whose box is absurd is a row, too: prepare says what is wrong with it, and a face of the
    test split that cannot be cut is counted as unscored instead of missing from every count.

    The word of a category is believed and never its number, which starts at 0. Ids are only unique
    within a part, so the part is in every ``video_id``. An image is found by its path in the list
    or else by its name, because ``Images/<part>/`` of the lists often does not exist on disk.

    Args:
        name: Name of the data set in every table.
        test: Which test part to index: ``"Test-Dev"``, or ``"Test-Challenge"``, whose images were
            perturbed afterwards.

    Raises:
        ValueError: If an argument is not one of the above.
    """

    annotates_faces: ClassVar[bool] = True

    name: str = "openforensics"
    test: TestPart = "Test-Dev"

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.test not in get_args(TestPart):
            raise ValueError(
                f"test is {self.test!r}, which is not a test part of OpenForensics"
                + did_you_mean(str(self.test), get_args(TestPart))
            )

    def index(self, root: Path) -> IndexedVideos:
        """List the annotated faces of the images below ``root``.

        Args:
            root: The folder that holds ``Train_poly.json`` and the others, and the images anywhere.

        Raises:
            DataError: If there is no list, one cannot be used, or no listed image is there.
        """
        check_root(root, name=self.name)
        lists = {part: path for part, path in find_lists(root).items() if self._is_asked(part)}
        wanted = [f"{part}_poly.json" for part in SPLITS if self._is_asked(part)]
        check_layout(root, "OpenForensics", wanted, is_there=bool(lists))
        images = _ImagesOnDisk(root)
        rows: list[Video] = []
        boxes: list[tuple[Any, ...]] = []
        notes: list[str] = []
        ignored: list[str] = []
        read = [_PartList(part, path) for part, path in lists.items()]
        for part_list in read:
            part = part_list.part
            notes += part_list.notes(images)
            for face in part_list.faces(images, ignored):
                rows.append(self._row(part, face))
                boxes.append((rows[-1].video_id, *face.box, *face.image_size))
        if not rows:
            raise DataError(
                f"No image of {', '.join(p.name for p in lists.values())} is at {root}."
            )
        absent = [name for name in wanted if name.removesuffix("_poly.json") not in lists]
        notes += [f"There is no {name}." for name in absent]
        frame = pd.DataFrame(boxes, columns=BOXES.names)
        return IndexedVideos(
            to_videos(rows), notes, ignored, boxes=frame, num_absent=sum(p.num_absent for p in read)
        )

    def _is_asked(self, part: str) -> bool:
        return SPLITS[part] != "test" or part == self.test

    def _row(self, part: str, face: "_Face") -> Video:
        return Video(
            video_id=f"{self.name}/{part}/{face.image}/{face.annotation}",
            dataset=self.name,
            path=face.path,
            kind="image",
            label=face.label,
            method=CLASS_NAMES[face.label],
            group=f"{self.name}/{face.image}",
            identities=(face.image,),
            split=SPLITS[part],
        )


@dataclass(frozen=True)
class _Face:
    """An annotated face.

    Args:
        annotation: Its id within the part.
        image: The name of its image, without suffix.
        path: The image below the root.
        label: 0 real, 1 fake.
        box: xyxy in pixels; NaN where the annotation holds no number.
        image_size: Width and height of the image as annotated, in pixels; 0 where not given.
    """

    annotation: str
    image: str
    path: str
    label: int
    box: tuple[float, float, float, float]
    image_size: tuple[int, int]


@dataclass(frozen=True)
class _Image:
    """A listed image and its width and height in pixels, 0 where not given."""

    name: str
    size: tuple[int, int]


class _ImagesOnDisk:
    """Where each image is: by its path, by its part and name, or by its name alone."""

    def __init__(self, root: Path) -> None:
        self._paths: set[str] = set()
        self._by_name: dict[str, list[str]] = {}
        for file in walk_files(root):
            if media_kind(file) == "image":
                path = relative_posix(file, root)
                self._paths.add(path)
                self._by_name.setdefault(file.name, []).append(path)

    def find(self, file_name: str, part: str) -> str:
        """Return the path of an image below the root, or "" where it is not there for sure."""
        if file_name in self._paths:
            return file_name
        found = self._by_name.get(PurePosixPath(file_name).name, [])
        in_part = [p for p in found if part.lower() in p.lower().split("/")[:-1]]
        found = in_part or found
        return found[0] if len(found) == 1 else ""


class _PartList:
    """One ``<part>_poly.json``, checked."""

    def __init__(self, part: str, path: Path) -> None:
        self.part = part
        self.num_absent = 0
        content = read_json(path)
        try:
            self.labels = _labels(content["categories"], path)
            self.images = {image["id"]: _image(image) for image in content["images"]}
            self.annotations: list[Mapping[str, Any]] = content["annotations"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{path} must look like {EXAMPLE}, but lacks {error}.") from error

    def notes(self, images: _ImagesOnDisk) -> list[str]:
        found = sum(bool(images.find(image.name, self.part)) for image in self.images.values())
        self.num_absent = len(self.images) - found
        absent = absent_notes(self.num_absent, len(self.images), "listed images")
        notes = [f"{self.part}: {line}" for line in absent]
        if len(self.images) != PUBLISHED[self.part]:
            notes.append(
                f"{self.part} lists {len(self.images)} images; {PUBLISHED[self.part]} are "
                "published."
            )
        return notes

    def faces(self, images: _ImagesOnDisk, ignored: list[str]) -> Iterator[_Face]:
        for entry in self.annotations:
            where = f"{self.part} annotation {entry.get('id')}"
            image = self.images.get(entry.get("image_id"))
            path = images.find(image.name, self.part) if image else ""
            label = self.labels.get(entry.get("category_id"))
            reason = (
                "it belongs to no listed image" if not image
                else "its image is not on disk" if not path
                else f"category {entry.get('category_id')!r} is not listed" if label is None
                else "it is a crowd" if entry.get("iscrowd")
                else ""
            )  # fmt: skip
            if reason or label is None or image is None:
                ignored.append(f"{where}: {reason}")
                continue
            stem, box = PurePosixPath(image.name).stem, _to_xyxy(entry.get("bbox"))
            yield _Face(str(entry["id"]), stem, path, label, box, image.size)


def _image(entry: Mapping[str, Any]) -> _Image:
    sides = [entry.get(side) for side in ("width", "height")]
    width, height = (side if isinstance(side, int) and 0 < side < 2**31 else 0 for side in sides)
    return _Image(str(entry["file_name"]), (width, height))


def _labels(categories: list[Mapping[str, Any]], path: Path) -> dict[Any, int]:
    return {
        category["id"]: label_of_word(category["name"], f"{path} has the category")
        for category in categories
    }


def _to_xyxy(box: object) -> tuple[float, float, float, float]:
    """Turn ``[x, y, width, height]`` into two corners; NaN where these are not four numbers."""
    match box:
        case [
            int() | float() as x,
            int() | float() as y,
            int() | float() as w,
            int() | float() as h,
        ]:
            try:
                corners = (float(x), float(y), float(x + w), float(y + h))
            except OverflowError:  # JSON may hold an integer of any length
                return nan, nan, nan, nan
            return corners if all(map(isfinite, corners)) else (nan, nan, nan, nan)
    return nan, nan, nan, nan


def find_lists(root: Path) -> dict[str, Path]:
    """Find the list of each part in ``root``, in any spelling of upper and lower case."""
    present = {path.name.lower(): path for path in root.iterdir()}
    names = {part: f"{part}_poly.json".lower() for part in SPLITS}
    return {part: present[name] for part, name in names.items() if name in present}


def recognise(root: Path) -> Recognised | None:
    """Recognise OpenForensics by its lists of polygons."""
    lists = find_lists(root)
    if not lists:
        return None
    is_challenge = "Test-Challenge" in lists and "Test-Dev" not in lists
    return Recognised(
        data="openforensics",
        title="OpenForensics",
        root=root,
        source=OpenForensics(test="Test-Challenge" if is_challenge else "Test-Dev"),
        fit=1.0,
        settings={"test": "Test-Challenge"} if is_challenge else {},
        labels="Each face has its own label; categories are numbered from 0, real first.",
        missing=tuple(f"{part}_poly.json" for part in SPLITS if part not in lists),
    )
