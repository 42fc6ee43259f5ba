"""FaceForensics++'s official split without the videos whose source is trained on as well."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from unmask.core.errors import DataError
from unmask.data.groups import connected_groups
from unmask.data.sources.ffpp_lists import CONVERSION, read_conversion
from unmask.data.splits import OfficialSplit

# What is kept where one YouTube video is in several splits: training as published, then the test.
_KEPT_FIRST: Final = ("train", "test", "val")


@dataclass(frozen=True, kw_only=True)
class OfficialCleanSplit:
    """Keep the official split, and leave out what shares its YouTube video with another split.

    The 1,000 clips of FaceForensics++ were cut from 977 YouTube videos, and the official lists part
    clips of one video: the person, room and camera of some validation and test clips are trained
    on. Training stays as published; of a video in several splits, the clips outside training leave
    (of validation and test, those of validation), with every fake that shows one of them.

    Args:
        root: The data set's folder, which holds the user's own ``conversion_dict.json`` directly or
            in ``dataset``; it maps each clip to ``"<YouTube id> <number>"``.
    """

    root: Path

    def __call__(self, videos: pd.DataFrame) -> pd.DataFrame:
        """Return the videos that stay, grouped without those that leave.

        A clip that leaves no longer joins the people of two splits.

        Raises:
            DataError: If a video has no official split, or the map is missing or malformed.
        """
        official = OfficialSplit()(videos)
        left_out = self.left_out(videos)["video_id"]
        staying = official[~official["video_id"].isin(left_out)].reset_index(drop=True)
        return _regrouped(staying, read_conversion(Path(self.root)))

    def left_out(self, videos: pd.DataFrame) -> pd.DataFrame:
        """List what leaves, and why.

        Returns:
            Columns ``video_id`` and ``reason``, in the order of ``videos``.

        Raises:
            DataError: If the map is missing or malformed.
        """
        of_youtube = videos[_is_of_youtube(videos)]
        clips_of = dict(zip(of_youtube["video_id"], of_youtube["identities"], strict=True))
        split_of = {
            str(clip): split
            for clips, split in zip(clips_of.values(), of_youtube["split"], strict=True)
            for clip in clips
        }
        reasons = straddling_clips(split_of, read_conversion(Path(self.root)))
        rows = []
        for video_id, clips in clips_of.items():
            found = [reasons[clip] for clip in map(str, clips) if clip in reasons]
            if found:
                rows.append((video_id, " ".join(found)))
        return pd.DataFrame(rows, columns=["video_id", "reason"])


def straddling_clips(split_of: Mapping[str, str], youtube_of: Mapping[str, str]) -> dict[str, str]:
    """Find the clips to leave out so that no YouTube video is in two splits.

    Args:
        split_of: The official split of each clip.
        youtube_of: The YouTube video that each clip was cut from.

    Returns:
        For each clip to leave out, a sentence that names the video and the clips it is shared with.

    Raises:
        DataError: If a clip has no YouTube video.

    Example:
        >>> straddling_clips({"001": "train", "002": "val"}, {"001": "abc", "002": "abc"})
        {'002': "Clip 002 (val) is of YouTube video 'abc', as is 001 (train)."}
    """
    unknown = sorted(set(split_of) - set(youtube_of))
    if unknown:
        raise DataError(
            f"{CONVERSION} does not name the YouTube video of {len(unknown)} clips, for example "
            f"{unknown[0]}. Use the file that was published with the data set."
        )
    clips_of: dict[str, list[str]] = defaultdict(list)
    for clip in sorted(split_of):
        clips_of[youtube_of[clip]].append(clip)
    reasons: dict[str, str] = {}
    for youtube, clips in clips_of.items():
        kept = next((s for s in _KEPT_FIRST if s in {split_of[clip] for clip in clips}), "")
        staying = ", ".join(f"{clip} ({kept})" for clip in clips if split_of[clip] == kept)
        reasons |= {
            clip: f"Clip {clip} ({split_of[clip]}) is of YouTube video '{youtube}', "
            f"as is {staying}."
            for clip in clips
            if split_of[clip] != kept
        }
    return dict(sorted(reasons.items()))


def _is_of_youtube(videos: pd.DataFrame) -> "pd.Series[bool]":
    """Tell the clips of YouTube from the actors, who are numbered apart."""
    return ~videos["method"].isin(["actors", "DeepFakeDetection"])


def _regrouped(videos: pd.DataFrame, youtube_of: Mapping[str, str]) -> pd.DataFrame:
    """Join the clips again, through the fakes and the YouTube videos of what is left."""
    rows = videos[_is_of_youtube(videos)]
    clips = [list(map(str, identities)) for identities in rows["identities"]]
    # "~" sorts behind every digit, so that a group is named after a clip and not after a video.
    links = [[*of_row, *(f"~ {youtube_of[clip]}" for clip in of_row)] for of_row in clips]
    group_of = connected_groups(links)
    people = rows["group"].str.rpartition("/")[0]
    groups = [f"{who}/{group_of[of_row[0]]}" for who, of_row in zip(people, clips, strict=True)]
    grouped = videos.copy()
    grouped.loc[rows.index, "group"] = groups
    return grouped
