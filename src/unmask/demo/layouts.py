"""The two synthetic data sets, written as FaceForensics++ and Celeb-DF lie on disk."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from unmask.core.files import write_json, write_text
from unmask.core.reproducibility import derive_seed
from unmask.demo.manipulations import (
    COARSE_SWAP,
    FINE_SWAP,
    METHODS,
    graphics_swap,
    reenactment,
    swapped_face,
    texture_edit,
)
from unmask.demo.motion import make_performance
from unmask.demo.people import SKIN_TONES, Person, make_person
from unmask.demo.production import make_set
from unmask.demo.relief import Map
from unmask.demo.scene import Camera, make_camera, make_light
from unmask.demo.take import Footage, film, make_take, recast, redirect
from unmask.video.writer import write_video

MAX_FFPP_PAIRS: Final = 500  # ids have three digits


@dataclass(frozen=True)
class Picture:
    """How the videos of a data set are shot and encoded.

    Attributes:
        num_frames: Frames of each video.
        frames_per_second: Their rate.
        height: Height in pixels, even.
        width: Width in pixels, even.
        crf: Constant rate factor of the H.264 encoder, 0 (best) to 51.
        noise_level: Typical noise of the cameras, as displayed, in [0, 1].
        blur_px: Sharpest and softest lens of the cameras.
    """

    num_frames: int = 12
    frames_per_second: int = 8
    height: int = 256
    width: int = 256
    crf: int = 23
    noise_level: float = 0.012
    blur_px: tuple[float, float] = (0.35, 0.6)

    def __post_init__(self) -> None:
        for name in ("num_frames", "frames_per_second"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("height", "width"):
            side = getattr(self, name)
            if side < 64 or side % 2:
                raise ValueError(f"{name} must be even and at least 64 px, got {side}.")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf must lie in [0, 51], got {self.crf}.")


@dataclass(frozen=True)
class SyntheticFFPP:
    """What a synthetic data set in FaceForensics++'s layout holds.

    A pair of people gives two real videos and, for each method, two fakes; a split never shares a
    person with another.

    Attributes:
        seed: Names the people and everything they do.
        num_train_pairs: Pairs of people in ``train.json``.
        num_val_pairs: Pairs of people in ``val.json``.
        num_test_pairs: Pairs of people in ``test.json``.
        picture: How the videos are shot and encoded.
    """

    seed: int = 0
    num_train_pairs: int = 28
    num_val_pairs: int = 6
    num_test_pairs: int = 12
    picture: Picture = Picture()

    def __post_init__(self) -> None:
        _check_counts(self, "num_train_pairs", "num_val_pairs", "num_test_pairs")
        total = self.num_train_pairs + self.num_val_pairs + self.num_test_pairs
        if not 1 <= total <= MAX_FFPP_PAIRS:
            raise ValueError(
                f"A set in FaceForensics++'s layout holds 1 to {MAX_FFPP_PAIRS} pairs of people, "
                f"but {self.num_train_pairs} + {self.num_val_pairs} + {self.num_test_pairs} were "
                "asked for."
            )

    def splits(self) -> dict[str, list[list[str]]]:
        """Return the pairs of each split, as the official lists hold them.

        Example:
            >>> SyntheticFFPP(num_train_pairs=1, num_val_pairs=0, num_test_pairs=1).splits()
            {'train': [['000', '001']], 'val': [], 'test': [['002', '003']]}
        """
        counts = {
            "train": self.num_train_pairs,
            "val": self.num_val_pairs,
            "test": self.num_test_pairs,
        }
        splits: dict[str, list[list[str]]] = {}
        start = 0
        for name, count in counts.items():
            ids = range(start, start + 2 * count, 2)
            splits[name] = [[f"{first:03d}", f"{first + 1:03d}"] for first in ids]
            start += 2 * count
        return splits


@dataclass(frozen=True)
class SyntheticCelebDF:
    """What a synthetic data set in Celeb-DF v2's layout holds.

    Other people than in :class:`SyntheticFFPP`, shot by softer and noisier cameras, compressed
    more, and faked by one better blended method, so that a detector trained there loses something
    here. Faces are swapped only within pairs of people, so that identity groups stay small.

    Attributes:
        seed: Names the people and everything they do.
        num_train_pairs: Pairs of people outside ``List_of_testing_videos.txt``.
        num_test_pairs: Pairs of people in it.
        num_videos: Real videos, and as many fakes, of each of these people.
        num_youtube: People seen in one real video only, all of them in the test list.
        picture: How the videos are shot and encoded.
    """

    seed: int = 0
    num_train_pairs: int = 0
    num_test_pairs: int = 18
    num_videos: int = 1
    num_youtube: int = 12
    picture: Picture = Picture(
        height=240, width=320, crf=27, noise_level=0.018, blur_px=(0.5, 0.8), frames_per_second=10
    )

    def __post_init__(self) -> None:
        _check_counts(self, "num_train_pairs", "num_test_pairs", "num_youtube")
        if self.num_videos < 1:
            raise ValueError(f"num_videos must be at least 1, got {self.num_videos}.")
        if self.num_train_pairs + self.num_test_pairs < 1:
            raise ValueError("A set in Celeb-DF's layout needs at least one pair of people, got 0.")


def _check_counts(settings: object, *names: str) -> None:
    for name in names:
        if getattr(settings, name) < 0:
            raise ValueError(f"{name} must not be negative, got {getattr(settings, name)}.")


def make_ffpp(root: Path, settings: SyntheticFFPP, *, num_workers: int = 2) -> bool:
    """Write a synthetic data set in FaceForensics++'s layout, unless it is there already.

    Args:
        root: Its folder; it holds ``original_sequences``, ``manipulated_sequences`` with the
            methods of :data:`METHODS` at compression c23, and the lists of pairs.

    Returns:
        True when anything had to be made, False when the set was complete.

    Raises:
        DataError: If ``root`` holds something else.
    """
    splits = settings.splits()
    pairs = [pair for split in splits.values() for pair in split]
    jobs = [
        *(partial(_film_ffpp_pair, root, settings, pair) for pair in pairs),
        *(partial(write_json, root / f"{name}.json", split) for name, split in splits.items()),
    ]
    described = {"kind": "ffpp", **asdict(settings)}
    return make_set(root, settings=described, jobs=jobs, num_workers=num_workers)


def make_celebdf(root: Path, settings: SyntheticCelebDF, *, num_workers: int = 2) -> bool:
    """Write a synthetic data set in Celeb-DF v2's layout, unless it is there already.

    Args:
        root: Its folder; it holds ``Celeb-real``, ``Celeb-synthesis``, ``YouTube-real`` and
            ``List_of_testing_videos.txt``, where 1 is real.

    Returns:
        True when anything had to be made, False when the set was complete.

    Raises:
        DataError: If ``root`` holds something else.
    """
    num_pairs = settings.num_train_pairs + settings.num_test_pairs
    jobs = [
        *(partial(_film_celebdf_pair, root, settings, 2 * pair, take)
          for pair in range(num_pairs) for take in range(settings.num_videos)),
        *(partial(_film_youtube, root, settings, index) for index in range(settings.num_youtube)),
        partial(write_text, root / "List_of_testing_videos.txt", _celebdf_test_list(settings)),
    ]  # fmt: skip
    described = {"kind": "celebdf", **asdict(settings)}
    return make_set(root, settings=described, jobs=jobs, num_workers=num_workers)


def _celebdf_test_list(settings: SyntheticCelebDF) -> str:
    lines = [f"1 YouTube-real/{index:05d}.mp4" for index in range(settings.num_youtube)]
    first_test_id = 2 * settings.num_train_pairs
    for target in range(first_test_id, first_test_id + 2 * settings.num_test_pairs):
        for take in range(settings.num_videos):
            lines.append(f"1 Celeb-real/id{target}_{take:04d}.mp4")
            lines.append(f"0 Celeb-synthesis/id{target}_id{target ^ 1}_{take:04d}.mp4")
    return "".join(f"{line}\n" for line in sorted(lines))


class _Studio:
    """Where one person is filmed; everything about it follows from a seed and the person's name.

    Args:
        seed: Seed of the person and the surroundings.
        picture: How the data set's videos are shot and encoded.
        tone: The person's skin tone; None leaves it to the seed.
        take: Number of the video of this person.
    """

    def __init__(
        self, seed: int, picture: Picture, *, tone: float | None = None, take: int = 0
    ) -> None:
        self._seed, self._picture, self._number = seed, picture, take
        self.person = make_person(seed, tone=tone)
        rng = np.random.default_rng(derive_seed(seed, "take", take))
        self._camera: Camera = make_camera(
            rng, noise_level=picture.noise_level, blur_px=picture.blur_px
        )
        performance = make_performance(
            rng,
            num_frames=picture.num_frames,
            frames_per_second=picture.frames_per_second,
        )
        self.take = make_take(
            self.person,
            performance,
            light=make_light(rng),
            rng=rng,
            height=picture.height,
            width=picture.width,
        )

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a source of chance for one purpose in this video."""
        return np.random.default_rng(derive_seed(self._seed, "take", self._number, purpose))

    def write(self, path: Path, frames: Iterable[Map], *, purpose: str) -> None:
        """Shoot clean pictures with this studio's camera and encode them, unless already done."""
        if path.exists():
            return
        shot = self._camera.shoot(list(frames), self.rng(f"noise of {purpose}"))
        rate = Fraction(self._picture.frames_per_second)
        write_video(path, shot, fps=rate, crf=self._picture.crf)


def _similar_tones(seed: int) -> tuple[float, float]:
    """Return the skin tones of two people who could stand in for each other."""
    rng = np.random.default_rng(seed)
    middle, apart = rng.uniform(0.3, len(SKIN_TONES) - 1.3), rng.uniform(-0.3, 0.3)
    return float(middle - apart), float(middle + apart)


def _film_ffpp_pair(root: Path, settings: SyntheticFFPP, pair: list[str]) -> None:
    tones = _similar_tones(derive_seed(settings.seed, "ffpp", *pair))
    studios = [
        _Studio(derive_seed(settings.seed, "ffpp", name), settings.picture, tone=tone)
        for name, tone in zip(pair, tones, strict=True)
    ]
    footage = [film(studio.take) for studio in studios]
    for this, other in ((0, 1), (1, 0)):
        studio, name = studios[this], f"{pair[this]}_{pair[other]}.mp4"
        reals = root / "original_sequences" / "youtube" / "c23" / "videos"
        studio.write(reals / f"{pair[this]}.mp4", footage[this].frames, purpose="real")
        for method, frames in _forged(studio, footage[this], footage[other]).items():
            folder = root / "manipulated_sequences" / method / "c23" / "videos"
            studio.write(folder / name, frames, purpose=method)


def _forged(studio: _Studio, target: Footage, source: Footage) -> dict[str, list[Map]]:
    double = film(recast(target.take, _as_double(source.take.person, target.take.person)))
    driven = film(redirect(target.take, source.take.performance))
    swap, face, paste, texture = (studio.rng(method) for method in METHODS)
    return {
        "SwappedFace": swapped_face(target, double, swap, quality=COARSE_SWAP),
        "Reenactment": reenactment(target, driven, face),
        "GraphicsSwap": graphics_swap(target, source, paste),
        "TextureEdit": texture_edit(target, driven, texture),
    }


def _as_double(person: Person, target: Person) -> Person:
    """Return a person who wears the target's hair and glasses, which a face swap leaves alone."""
    return replace(
        person,
        hair_style=target.hair_style,
        hairline=target.hairline,
        hair_volume=target.hair_volume,
        glasses=target.glasses,
    )


def _film_celebdf_pair(root: Path, settings: SyntheticCelebDF, first: int, take: int) -> None:
    tones = _similar_tones(derive_seed(settings.seed, "celebdf", "tones", first))
    studios = {
        number: _Studio(
            derive_seed(settings.seed, "celebdf", number), settings.picture, tone=tone, take=take
        )
        for number, tone in zip((first, first + 1), tones, strict=True)
    }
    for number, studio in studios.items():
        other = number ^ 1
        target = film(studio.take)
        real = root / "Celeb-real" / f"id{number}_{take:04d}.mp4"
        studio.write(real, target.frames, purpose="real")
        double = film(recast(studio.take, _as_double(studios[other].person, studio.person)))
        forged = swapped_face(target, double, studio.rng("swap"), quality=FINE_SWAP)
        fake = root / "Celeb-synthesis" / f"id{number}_id{other}_{take:04d}.mp4"
        studio.write(fake, forged, purpose="swap")


def _film_youtube(root: Path, settings: SyntheticCelebDF, index: int) -> None:
    studio = _Studio(derive_seed(settings.seed, "celebdf", "youtube", index), settings.picture)
    path = root / "YouTube-real" / f"{index:05d}.mp4"
    studio.write(path, film(studio.take).frames, purpose="real")
