"""Heat maps over the crops of a clip, and what they show in words."""

from collections.abc import Sequence

import torch
from einops import rearrange

from unmask.explain.explanation import explain
from unmask.explain.overlay import overlay
from unmask.prepare.video import encoded
from unmask.verdict.evidence import EvidencePicture, HeatMapSummary, Track
from unmask.verdict.faces import KeptFace
from unmask.verdict.member import Member
from unmask.verdict.scores import clip_frames


def draw_heat_maps(
    member: Member, faces: Sequence[KeptFace], track: Track
) -> tuple[HeatMapSummary, list[EvidencePicture]]:
    """Explain a clip by a model, a picture for each of its faces.

    Args:
        faces: The clip, in the order in which the model was given it.
    """
    frames = clip_frames(member, faces)
    device = next(member.detector.buffers()).device
    is_frame = torch.ones(1, len(frames), dtype=torch.bool, device=device)
    found = explain(member.detector, frames[None].to(device), is_frame)
    images = overlay(rearrange(frames, "f c h w -> f h w c").contiguous().numpy(), found.maps)
    pictures = [
        EvidencePicture("heat", face.crop.frame_index, face.crop.pts_seconds, track.track_id,
                encoded(image, ".jpg"), f"{track.name}, {face.crop.pts_seconds:.1f} s")
        for face, image in zip(faces, images, strict=True)
    ]  # fmt: skip
    return (
        HeatMapSummary(
            member.name, track.track_id, found.method, found.words, found.scale, found.unit
        ),
        pictures,
    )
