"""What a verdict rests on: plain frozen values, and their JSON."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Final

from unmask.evaluation.verdicts import Band, Verdict

FORMAT: Final = 1


@dataclass(frozen=True)
class Input:
    """The file.

    Args:
        name: Its name, without the folder.
        kind: ``"video"``, ``"image"``, ``"frames"`` or ``"zip"``.
        sha256: SHA-256 of its bytes; of a folder, of the names and hashes of its images.
        num_bytes: Its size; of a folder, of its images.
        width: Width of a frame as coded, in pixels.
        height: Height of a frame as coded, in pixels.
        seconds: From the first to the last frame; 0 for images.
    """

    name: str
    kind: str
    sha256: str
    num_bytes: int
    width: int
    height: int
    num_frames: int
    seconds: float


@dataclass(frozen=True)
class FrameSeen:
    """A frame that was looked at.

    Args:
        index: Its place in presentation order.
        num_faces: Faces that the detector found in it.
    """

    index: int
    seconds: float
    num_faces: int


@dataclass(frozen=True)
class FaceSeen:
    """A face that was found, and found again in its crop.

    Args:
        box: xyxy, in pixels of the upright frame.
        detector_prob: The detector's probability of a face.
        verifier_prob: Probability of a face in the crop.
        sharpness: See :func:`unmask.faces.quality.sharpness`.
        score: Mean of the models' scores of this frame alone; None where none was asked.
    """

    frame: int
    seconds: float
    box: tuple[float, float, float, float]
    detector_prob: float
    verifier_prob: float
    sharpness: float
    score: float | None


@dataclass(frozen=True)
class Clip:
    """A clip that a model scored.

    Args:
        index: Its place among the clips of the track.
        frames: Indices of its frames.
        start_seconds: When the first is shown.
        end_seconds: When the last is shown.
        score: Probability of fake.
    """

    model: str
    index: int
    frames: tuple[int, ...]
    start_seconds: float
    end_seconds: float
    score: float


@dataclass(frozen=True)
class Vote:
    """One model's answer on one person.

    Args:
        score: Probability of fake, as ``unmask evaluate`` would score it.
        probability: The same, calibrated on validation; None without a calibration.
        threshold: At which it votes; fixed on validation, or 0.5.
        says: ``"real"`` or ``"fake"``.
    """

    model: str
    score: float
    probability: float | None
    threshold: float
    says: str


@dataclass(frozen=True)
class Track:
    """A person: faces that follow each other.

    Args:
        track_id: 0 is the one with the largest summed face area.
        score: All models together.
        probability: The same, calibrated on validation; None without a calibration.
        decides: Whether it is seen long enough to decide the file's verdict.
        votes: One per model.
        faces: In order of time.
    """

    track_id: int
    verdict: Verdict
    reason: str
    score: float
    probability: float | None
    decides: bool
    votes: tuple[Vote, ...]
    faces: tuple[FaceSeen, ...]
    clips: tuple[Clip, ...]

    @property
    def name(self) -> str:
        """What a person calls it: ``"person 1"`` is track 0."""
        return f"person {self.track_id + 1}"


@dataclass(frozen=True)
class Model:
    """A model that took part.

    Args:
        name: Its run's name, or its file's.
        card_sha256: SHA-256 of its card; None where it has none.
        weight: Its part in the vote.
        card: The model card without the scores of the validation videos; empty where it has none.
    """

    name: str
    sha256: str
    card_sha256: str | None
    weight: float
    card: Mapping[str, Any]

    @property
    def trained_on(self) -> list[str]:
        """Data sets that it was trained on; empty where the card does not say."""
        return list(self.card.get("source_datasets", []))

    @property
    def tested_on(self) -> list[str]:
        """Data sets that it was tested on; empty where the card does not say."""
        rows = self.card.get("metrics", [])
        return sorted({row["dataset"] for row in rows if row["role"].startswith(_TESTS)})


_TESTS: Final = ("in_domain", "cross")


@dataclass(frozen=True)
class Caution:
    """Why a verdict may be worth less.

    Args:
        code: For programs, e.g. ``"small_faces"``.
        sentence: For people.
    """

    code: str
    sentence: str


@dataclass(frozen=True)
class EvidencePicture:
    """A picture for a page.

    Args:
        kind: ``"frame"`` with its faces marked, ``"crop"``, or ``"heat"``, a heat map over a crop.
        track_id: Track of a crop or heat map; None for a whole frame.
        content: JPEG or PNG.
    """

    kind: str
    frame: int
    seconds: float
    track_id: int | None
    content: bytes
    caption: str

    @property
    def mime(self) -> str:
        """``"image/png"`` or ``"image/jpeg"``."""
        return "image/png" if self.content.startswith(b"\x89PNG") else "image/jpeg"


@dataclass(frozen=True)
class HeatMaps:
    """What the heat maps on the page are.

    Args:
        model: That they explain.
        track_id: Whose most suspicious clip they show.
        method: ``"grad_cam"``, ``"rollout"`` or ``"occlusion"``.
        words: What they show and do not show.
        scale: What the brightest place stands for, in ``unit``.
    """

    model: str
    track_id: int
    method: str
    words: str
    scale: float
    unit: str


@dataclass(frozen=True)
class Evidence:
    """A verdict and all that it rests on.

    Args:
        verdict: That of the most suspicious person who decides; ``"no_face"`` where there is none.
        score: Score of that person, all models together; None without a face.
        probability: The same, calibrated on validation; None without a calibration.
        video_score: Score of the file, as ``unmask evaluate`` scores it: of the people that the
            training looked at, which by default is the largest face; None without a face.
        tracks: People, the largest face first.
        voting: The rule; ``"single"`` for one model.
        band: The thresholds, and where they come from.
        cautions: Why the verdict may be worth less.
        settings: How it was looked at.
        versions: Versions of Python and the packages that can change a number.
        seconds: What each stage took.
        heat_maps: What the heat maps among the pictures are; None where none were asked for.
        pictures: For a page; not part of the JSON.
    """

    verdict: Verdict
    reason: str
    score: float | None
    probability: float | None
    video_score: float | None
    input: Input
    frames: tuple[FrameSeen, ...]
    tracks: tuple[Track, ...]
    models: tuple[Model, ...]
    voting: str
    band: Band
    cautions: tuple[Caution, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    heat_maps: HeatMaps | None = None
    pictures: tuple[EvidencePicture, ...] = field(default=(), repr=False, compare=False)
    # Writes an evidence as a part of a page: unmask.verdict.page, which builds on this module, puts
    # its own here.
    fragment_renderer: ClassVar[Callable[["Evidence"], str] | None] = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``evidence.json``; docs/predict.md describes it."""
        names = [one.name for one in fields(self) if one.name != "pictures"]
        content = {name: _plain(getattr(self, name)) for name in names}
        return {"format": FORMAT, **content}

    def _repr_html_(self) -> str | None:
        """Show the verdict with its pictures in a notebook; as plain text without a renderer."""
        render = type(self).fragment_renderer
        return None if render is None else render(self)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(one) for name, one in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
