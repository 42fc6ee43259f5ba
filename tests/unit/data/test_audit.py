"""What two splits share."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import DataError
from unmask.data.audit import Audited, SharedThing, count_by_kind, refuse_leaks, shared_things
from unmask.data.fingerprints import CACHE, fingerprint, fingerprints_of, near_pairs
from unmask.data.sources.dfd import DFD
from unmask.data.sources.ffpp import FaceForensics
from unmask.data.sources.source import Video, to_videos
from unmask.data.store import FaceStore

MakeVideos = Callable[[list[tuple[str, int, str]]], pd.DataFrame]


def face(seed: int, side: int = 224) -> np.ndarray:
    """Return a smooth picture like no other."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


def put(store: FaceStore, video_id: str, image: np.ndarray) -> None:
    for crop_path in store.faces.loc[store.faces["video_id"] == video_id, "crop_path"]:
        cv2.imwrite(str(store.folder / crop_path), image)


def brute(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int, int]]:
    bits = [np.unpackbits(part, axis=1) for part in (first, second)]
    distances = (bits[0][:, None] != bits[1][None]).sum(axis=-1)
    return [(i, j, int(d)) for (i, j), d in np.ndenumerate(distances) if d <= 7]


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.integers(0, 9))
def test_near_pairs_are_those_of_comparing_all(seed: int, one: int, two: int, flips: int) -> None:
    random = np.random.default_rng(seed)
    first = random.integers(0, 256, (one, 32), dtype=np.uint8)
    flipped = np.unpackbits(first[random.integers(0, one, two)], axis=1)
    for row in flipped:
        row[random.choice(256, flips, replace=False)] ^= 1
    second = np.packbits(flipped, axis=1)
    found = zip(*(column.tolist() for column in near_pairs(first, second)), strict=True)
    assert sorted(found) == sorted(brute(first, second))


@pytest.mark.parametrize("count", [100, pytest.param(1500, marks=pytest.mark.slow)])
def test_equal_prints_by_the_thousand_are_all_found(count: int) -> None:
    same = np.zeros((count, 32), dtype=np.uint8)
    assert len(near_pairs(same, same)[0]) == count**2


def bits_apart(one: np.ndarray, other: np.ndarray) -> int:
    prints = [fingerprint(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)) for image in (one, other)]
    return int((np.unpackbits(prints[0]) != np.unpackbits(prints[1])).sum())


@pytest.mark.parametrize("change", ["compressed", "smaller", "brighter"])
def test_a_picture_keeps_its_print_through_what_copies_do(change: str) -> None:
    for seed in range(20):
        image = face(seed)
        other = {
            "compressed": cv2.imdecode(
                cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR
            ),
            "smaller": cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA),
            "brighter": (image * 0.9 + 20).astype(np.uint8),
        }[change]
        assert bits_apart(image, other) <= 7


def test_other_pictures_have_other_prints() -> None:
    assert min(bits_apart(face(0), face(seed)) for seed in range(1, 50)) > 60


def test_a_flat_picture_has_no_print() -> None:
    assert fingerprint(np.full((32, 32), 7, dtype=np.uint8)) is None


def test_prints_are_kept_until_the_crops_are_others(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    first = fingerprints_of(store)
    assert len(first) == len(store.faces)
    put(store, store.faces["video_id"].iloc[0], face(0))
    assert fingerprints_of(store).equals(first)
    (store.folder / CACHE).write_bytes(b"damaged")
    assert not fingerprints_of(store).equals(first)


def test_an_unreadable_crop_is_named(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    path = store.folder / store.faces["crop_path"].iloc[0]
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        fingerprints_of(store)


def test_shared_videos_and_groups_are_listed_with_an_example(make_videos: MakeVideos) -> None:
    videos = make_videos([("a", 0, "train"), ("a", 1, "test"), ("b", 0, "val"), ("c", 0, "")])
    group = SharedThing("group", ("train", "test"), "toy/0000", "toy/0001", "toy/a")
    assert shared_things([Audited(videos)]) == [group]
    again = Audited(videos.iloc[[2]].assign(split="test", group="toy/d"))
    video = SharedThing("video", ("val", "test"), "toy/0002", "toy/0002", "toy/0002")
    assert shared_things([Audited(videos), again]) == [video, group]


def of_people(dataset: str, rows: list[tuple[str, str, list[str], str]]) -> Audited:
    """Return a manifest of (name, group, identities, split)."""
    return Audited(
        to_videos(
            Video(
                video_id=f"{dataset}/{name}", dataset=dataset, path=f"{name}.mp4", label=0,
                method="youtube", group=group, identities=tuple(identities), split=split,
            )
            for name, group, identities, split in rows
        )
    )  # fmt: skip


def test_one_person_in_groups_of_two_names_is_found() -> None:
    # The one copy knows that 001 and 004 are of one video; the other knows of neither.
    knowing = of_people(
        "one",
        [("000", "ff/youtube/000", ["000"], "val"), ("004", "ff/youtube/001", ["004"], "train"),
         ("001", "ff/youtube/001", ["001"], "train")],
    )  # fmt: skip
    other = of_people("two", [("004_x", "ff/youtube/004", ["004"], "test")])
    assert shared_things([knowing, other]) == [
        SharedThing("group", ("train", "test"), "one/001", "two/004_x", "ff/youtube/001")
    ]
    stranger = of_people("two", [("005", "ff/youtube/005", ["005"], "test")])
    assert shared_things([knowing, stranger]) == []


@pytest.fixture
def actors(plant_tree: Callable[..., Path]) -> Callable[..., Audited]:
    """Return a function that indexes a copy of DeepFakeDetection, all of it in one split."""

    def make(tree: str, source: DFD, split: str) -> Audited:
        root = plant_tree(tree, inside=f"{tree}-{source.name}")
        return Audited(source.index(root).videos.assign(split=split))

    return make


REPACK = DFD(name="dfd_kaggle", compression="")


@pytest.mark.parametrize(
    ("split", "other_split", "is_mixed"),
    [("train", "train", True), ("test", "train", True), ("train", "test", True),
     ("test", "test", False)],
)  # fmt: skip
def test_a_repack_is_not_mixed_with_what_it_was_made_from(
    actors: Callable[..., Audited], split: str, other_split: str, is_mixed: bool
) -> None:
    repack = actors("dfd_kaggle", REPACK, split)
    dfd = actors("dfd", DFD(compression="c40"), other_split)
    for audited in ([repack, dfd], [dfd, repack]):
        found = [thing for thing in shared_things(audited) if thing.kind == "re-pack"]
        assert [(thing.first, thing.second) for thing in found] == [
            ("dfd_kaggle", "dfd")
        ] * is_mixed


def test_a_repack_is_seen_whatever_compression_it_is_said_to_have(
    actors: Callable[..., Audited],
) -> None:
    said = actors("dfd_kaggle", DFD(name="mine", compression="c23"), "train")
    dfd = actors("dfd", DFD(compression="c40"), "test")
    assert shared_things([said, dfd])[0].first == "mine"


def test_the_actors_inside_ffpp_are_not_mixed_with_a_repack(
    actors: Callable[..., Audited], plant_tree: Callable[..., Path]
) -> None:
    plant_tree("ffpp")
    root = plant_tree("dfd")
    source = FaceForensics(
        compression="c40", methods=["DeepFakeDetection"], reals=["actors"], people="ffpp"
    )
    inside = Audited(source.index(root).videos.assign(split="train"))
    repack = actors("dfd_kaggle", REPACK, "test")
    assert shared_things([inside, repack])[0].second == "ffpp"
    youtube = FaceForensics().index(root).videos.assign(split="train")
    assert shared_things([Audited(youtube), repack]) == []


def test_two_compressions_of_dfd_are_no_repack(actors: Callable[..., Audited]) -> None:
    train = actors("dfd", DFD(compression="c40"), "train")
    other = Audited(train.videos.assign(dataset="dfd_c23", compression="c23", split="test"))
    assert "re-pack" not in [thing.kind for thing in shared_things([train, other])]


def test_a_repack_is_refused_in_one_sentence(actors: Callable[..., Audited]) -> None:
    things = shared_things(
        [actors("dfd_kaggle", REPACK, "train"), actors("dfd", DFD(compression="c40"), "test")]
    )
    message = (
        r"^'dfd_kaggle' and 'dfd' both hold videos of DeepFakeDetection, .* Leave one of them out, "
        r"or set allow_leak=true"
    )
    with pytest.raises(DataError, match=message):
        refuse_leaks(things)
    assert count_by_kind(things)["re-pack"] == 1


def test_a_video_without_a_split_leaks_nowhere(make_videos: MakeVideos) -> None:
    assert shared_things([Audited(make_videos([("a", 0, "train"), ("a", 1, "")]))]) == []


def test_a_split_of_another_name_is_refused(make_videos: MakeVideos) -> None:
    with pytest.raises(DataError, match="split of toy/0000 is 'valid'"):
        shared_things([Audited(make_videos([("a", 0, "valid")]))])


def test_one_picture_in_two_data_sets_is_found_by_its_crops(make_store) -> None:  # noqa: ANN001
    home, away = make_store(name="home"), make_store(name="away")
    for number, store in enumerate((home, away)):
        for place, video_id in enumerate(store.videos["video_id"]):
            put(store, video_id, face(1000 * number + place, side=64))
    put(home, "home/swap/train2", face(7777, side=64))
    put(away, "away/original/test1", face(7777, side=32))
    audited = [Audited(store.videos, fingerprints_of(store)) for store in (home, away)]
    [thing] = shared_things(audited)
    assert thing.kind == "crop"
    assert (thing.first, thing.second) == ("home/swap/train2", "away/original/test1")
    assert "home/swap/train2/0_0.png and crops/away/original/test1/0_0.png differ in" in thing.what
    same_split = replace(home, videos=home.videos.assign(split="train"))
    assert shared_things([Audited(same_split.videos, audited[0].prints)]) == []


def test_leaks_are_refused_with_their_pairs_and_counts() -> None:
    things = [
        SharedThing("group", ("train", "test"), f"d/{n}", f"e/{n}", f"d/g{n}") for n in range(5)
    ]
    crop = SharedThing("crop", ("train", "val"), "d/a", "d/b", "x and y differ in 2 of 256 bits")
    message = (
        r"(?s)0 videos, 5 groups, 1 crop,.*group d/g0 is in train \(d/0\) and test \(e/0\)"
        r".*train \(d/a\) and val \(d/b\) show one picture.*and 2 more.*allow_leak=true"
    )
    with pytest.raises(DataError, match=message):
        refuse_leaks([*things, crop])
    refuse_leaks([])
    assert count_by_kind([*things, crop]) == {
        "re-pack": 0, "video": 0, "group": 5, "crop": 1,
    }  # fmt: skip


def test_a_store_that_cannot_be_written_is_audited_all_the_same(
    make_store,  # noqa: ANN001
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(path: Path, table: object) -> None:
        raise PermissionError(f"{path} is read-only")

    monkeypatch.setattr("unmask.data.fingerprints.write_parquet", refuse)
    store: FaceStore = make_store()
    assert len(fingerprints_of(store)) == len(store.faces)
    assert "is read-only" in caplog.text
