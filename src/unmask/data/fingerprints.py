"""Fingerprints of face crops: pictures that look alike get bits that are alike.

The difference hash of Krawetz ("Kind of Like That", hackerfactor.com, 2013), at 16 x 16 instead of
8 x 8 bits, because two faces cut in the same way resemble each other more than two photographs do.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from unmask.core.errors import DataError
from unmask.core.files import read_parquet, sha256_of_file, write_parquet
from unmask.data.store import FaceStore

Bits = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

SIDE: Final = 16
NUM_BITS: Final = SIDE * SIDE
# Of at most 7 differing bits at least one of 8 bands has none: see `near_pairs`.
NUM_BANDS: Final = 8
MAX_DISTANCE: Final = NUM_BANDS - 1
# Least standard deviation, in grey levels of 256; below it a crop shows nothing, like any other.
MIN_CONTRAST: Final = 2.0
CACHE: Final = "fingerprints.parquet"
# How many bits of a byte are set.
_ONES: Final = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(
    axis=1, dtype=np.uint8
)
_VERSION: Final = "dhash-16x16-1"

_log = logging.getLogger(__name__)


def fingerprint(image: npt.NDArray[np.uint8]) -> Bits | None:
    """Describe a picture by where it gets brighter from left to right.

    Args:
        image: Grey, ``(height, width)``.

    Returns:
        256 bits packed into ``(32,)``, or None for a picture that is all of one brightness.

    Example:
        >>> ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
        >>> int(np.unpackbits(fingerprint(ramp)).sum()), fingerprint(ramp * 0)
        (256, None)
    """
    small = cv2.resize(image.astype(np.float32), (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    if small.std() < MIN_CONTRAST:
        return None
    return np.packbits(small[:, 1:] > small[:, :-1])


def fingerprints_of(store: FaceStore) -> pd.DataFrame:
    """Describe every crop of a store, from its cache where the crops are the same as then.

    Args:
        store: A prepared data set; ``fingerprints.parquet`` is kept in its folder.

    Returns:
        Columns ``video_id, crop_path, bits`` (32 bytes), one row per crop that shows something.

    Raises:
        DataError: If a crop is missing or unreadable, naming it.
    """
    path = store.folder / CACHE
    key = f"{_VERSION} {sha256_of_file(store.folder / 'faces.parquet')}".encode()
    table = _cached(path, key)
    if table is None:
        crop_paths = store.faces["crop_path"].tolist()
        with ThreadPoolExecutor() as pool:
            prints = list(pool.map(lambda name: _of_file(store.folder / name), crop_paths))
        content = [None if bits is None else bits.tobytes() for bits in prints]
        table = pa.table({"crop_path": crop_paths, "bits": pa.array(content, pa.binary())})
        try:
            write_parquet(path, table.replace_schema_metadata({b"key": key}))
        except OSError as error:
            _log.warning("The fingerprints of the crops could not be kept: %s", error)
    found = table.to_pandas().dropna(subset="bits")
    merged: pd.DataFrame = store.faces[["video_id", "crop_path"]].merge(found, on="crop_path")
    return merged


def near_pairs(first: Bits, second: Bits) -> tuple[Numbers, Numbers, Numbers]:
    """Find the fingerprints of two collections that differ in at most 7 of their 256 bits.

    Multi-index hashing (Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing",
    CVPR 2012): the bits are dealt out to 8 bands. Of two prints that differ in 7 bits or fewer at
    least one band is equal, so only prints with an equal band are compared, and none is missed.

    Args:
        first: ``(prints, 32)``.
        second: ``(prints, 32)``.

    Returns:
        Rows of ``first``, rows of ``second`` and the bits in which they differ, ``(pairs,)`` each,
        in the order of the rows; each pair once.
    """
    found = [np.empty((0, 3), dtype=np.int64)]
    for keys, other_keys in zip(_bands(first), _bands(second), strict=True):
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(keys[order], other_keys, side="left")
        counts = np.searchsorted(keys[order], other_keys, side="right") - starts
        for chosen in _chunks(counts):
            right = np.repeat(chosen, counts[chosen])
            ends = np.cumsum(counts[chosen])
            inside = np.arange(len(right)) - np.repeat(ends - counts[chosen], counts[chosen])
            left = order[np.repeat(starts[chosen], counts[chosen]) + inside]
            distances = _ONES[first[left] ^ second[right]].sum(axis=1, dtype=np.int64)
            is_near = distances <= MAX_DISTANCE
            found.append(np.stack([left, right, distances], axis=1)[is_near])
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1], pairs[:, 2]


def _bands(bits: Bits) -> list[Numbers]:
    """Deal the bits out to bands, neighbours to different ones: neighbours tell much the same."""
    dealt = np.unpackbits(bits, axis=1).reshape(-1, NUM_BITS // NUM_BANDS, NUM_BANDS)
    packed = np.packbits(dealt, axis=1).transpose(2, 0, 1)
    return [np.ascontiguousarray(band).view(np.uint32)[:, 0].astype(np.int64) for band in packed]


def _chunks(counts: Numbers, most: int = 1_000_000) -> Iterator[Numbers]:
    """Yield the rows with a count above 0, in parts whose counts add up to about ``most``."""
    rows = np.flatnonzero(counts)
    if not len(rows):
        return
    parts = np.cumsum(counts[rows]) // most
    yield from np.split(rows, np.flatnonzero(np.diff(parts)) + 1)


def _of_file(path: Path) -> Bits | None:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if image is None:
        raise DataError(
            f"The crop {path} is missing or not a readable image. Delete its store's prepare.json "
            "and run `unmask prepare` again to make it anew."
        )
    return fingerprint(np.asarray(image, dtype=np.uint8))


def _cached(path: Path, key: bytes) -> pa.Table | None:
    if not path.is_file():
        return None
    try:
        table = read_parquet(path)
    except DataError:
        return None  # a cache: it is made anew
    return table if (table.schema.metadata or {}).get(b"key") == key else None
