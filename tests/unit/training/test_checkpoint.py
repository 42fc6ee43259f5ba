"""Checkpoints that strangers send."""

from pathlib import Path

import pytest
import torch

from unmask.config.build import build_untrained
from unmask.core.errors import CheckpointError
from unmask.training.checkpoint import Provenance, check_resumable, read_detector

MODEL = {
    "_target_": "unmask.models.detector.Detector",
    "backbone": {
        "_target_": "unmask.models.backbone.TimmBackbone",
        "name": "mobilenetv3_small_050",
        "image_size": 32,
        "pretrained": True,
    },
    "head": {"_target_": "unmask.models.heads.pooling.MeanHead", "_partial_": True},
}


def provenance(**changes: object) -> Provenance:
    facts = {"model": MODEL, "dataset": "toy", "manifest_hash": "ab", "seed": 0}
    return Provenance(**facts | changes)


def write(path: Path, facts: dict[str, object], state: dict[str, torch.Tensor]) -> Path:
    torch.save({"unmask": facts, "state_dict": state}, path)
    return path


def weights(model: dict[str, object] = MODEL) -> dict[str, torch.Tensor]:
    return {f"detector.{k}": v for k, v in build_untrained(model).state_dict().items()}


def test_a_detector_is_rebuilt_from_its_file_alone(tmp_path: Path) -> None:
    state = weights()
    detector = read_detector(write(tmp_path / "a.ckpt", provenance().to_dict(), state))
    assert not detector.training
    for name, tensor in detector.state_dict().items():
        torch.testing.assert_close(tensor, state[f"detector.{name}"])


def test_a_detector_with_every_option_is_rebuilt(tmp_path: Path) -> None:
    insert = {
        "attention": {
            "_target_": "unmask.models.insert.Insert",
            "after": "blocks.1",
            "make": {
                "_target_": "unmask.models.attention_block.AttentionBlock",
                "_partial_": True,
            },
        }
    }
    model = MODEL | {
        "backbone": MODEL["backbone"]
        | {"in_chans": 1, "insert": insert, "grad_checkpointing": True, "weights": "gone.pth"},
        "tuning": {"_target_": "unmask.models.tuning.tune_head", "_partial_": True},
        "grayscale": True,
        "frames_at_once": 2,
    }
    state = weights(model)
    path = write(tmp_path / "a.ckpt", provenance(model=model).to_dict(), state)
    detector = read_detector(path)
    frames = torch.randint(0, 256, (1, 3, 3, 32, 32), dtype=torch.uint8)
    assert detector(frames, torch.ones(1, 3, dtype=torch.bool)).shape == (1, 2)
    assert any(".inserts.attention." in name for name in state)
    for name, tensor in detector.state_dict().items():
        torch.testing.assert_close(tensor, state[f"detector.{name}"])


def test_a_detector_of_thumbnails_is_rebuilt_too(tmp_path: Path) -> None:
    model = {
        "_target_": "unmask.models.tall.TallDetector",
        "backbone": {
            "_target_": "unmask.models.plain_cnn.PlainCNN",
            "filters": [4, 8],
            "image_size": 16,
        },
    }
    built = build_untrained(model)
    state = {f"detector.{name}": tensor for name, tensor in built.state_dict().items()}
    facts = provenance(model=model).to_dict()
    detector = read_detector(write(tmp_path / "a.ckpt", facts, state))
    assert detector.image_size == 8
    for name, tensor in detector.state_dict().items():
        torch.testing.assert_close(tensor, state[f"detector.{name}"])


@pytest.mark.parametrize("target", ["os.system", "unmask.cli.main.main", "torch.nn.Linear"])
def test_a_target_outside_our_networks_is_refused_and_not_run(tmp_path: Path, target: str) -> None:
    model = MODEL | {"head": {"_target_": target, "_args_": ["touch owned"]}}
    path = write(tmp_path / "a.ckpt", provenance(model=model).to_dict(), {})
    with pytest.raises(CheckpointError, match=target):
        read_detector(path)


class Payload:
    """Pickles to a call."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("owned",))


def test_a_checkpoint_with_code_in_it_is_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"unmask": Payload(), "state_dict": {}}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=r"a.ckpt is not a readable checkpoint"):
        read_detector(tmp_path / "a.ckpt")
    assert "owned" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 half a zip"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a.ckpt is not a readable checkpoint"):
        read_detector(tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        read_detector(tmp_path / "absent.ckpt")


def test_a_checkpoint_of_another_program_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint of unmask"):
        read_detector(tmp_path / "a.ckpt")


def test_weights_that_do_not_fit_their_own_model_are_refused(tmp_path: Path) -> None:
    state = weights()
    state.popitem()
    with pytest.raises(CheckpointError, match="do not fit its own model"):
        read_detector(write(tmp_path / "a.ckpt", provenance().to_dict(), state))


def test_only_a_run_of_the_same_model_data_and_seed_is_continued(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ckpt", provenance().to_dict(), {})
    check_resumable(path, provenance())
    other = MODEL | {"backbone": MODEL["backbone"] | {"name": "efficientnet_b0"}}
    with pytest.raises(CheckpointError, match=r"backbone.name=mobilenetv3_small_050 there"):
        check_resumable(path, provenance(model=other))
    with pytest.raises(CheckpointError, match=r"seed \(0 there, 3 here\)"):
        check_resumable(path, provenance(seed=3))
    with pytest.raises(CheckpointError, match=r"manifest_hash \(ab there, cd here\)"):
        check_resumable(path, provenance(manifest_hash="cd"))


RECIPE = {
    "sampler": {"_target_": "unmask.data.samplers.NaturalSampling"},
    "batch_size": 4,
    "scheduler": None,
    "augmentation": {"toy": {"flip_prob": 0.5}},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sampler": {"_target_": "unmask.data.samplers.BalancedSampling"}},
            r"another sampler \(\S+NaturalSampling there, \S+BalancedSampling here",
        ),
        ({"batch_size": 8}, r"another loader \(batch_size=4 there, batch_size=8 here\)"),
        ({"scheduler": {"step_size": 2}}, r"another scheduler \(None there, step_size=2 here\)"),
        (
            {"augmentation": {"toy": None}},
            r"augmentation \(toy.flip_prob=0.5 there, toy=None here\)",
        ),
    ],
)
def test_a_run_is_not_continued_with_another_recipe(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = write(tmp_path / "a.ckpt", provenance(recipe=RECIPE).to_dict(), {})
    check_resumable(path, provenance(recipe=dict(RECIPE)))
    with pytest.raises(CheckpointError, match=message):
        check_resumable(path, provenance(recipe=RECIPE | changes))


def test_a_checkpoint_that_does_not_know_its_recipe_is_continued(tmp_path: Path) -> None:
    earlier = provenance().to_dict()
    del earlier["recipe"]
    path = write(tmp_path / "a.ckpt", earlier, {})
    check_resumable(path, provenance(recipe=RECIPE))
    with pytest.raises(CheckpointError, match="another seed"):
        check_resumable(path, provenance(recipe=RECIPE, seed=3))


def test_a_part_of_the_recipe_that_is_new_since_is_not_compared(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ckpt", provenance(recipe=RECIPE).to_dict(), {})
    check_resumable(path, provenance(recipe=RECIPE | {"mixup": 0.2}))
