import pytest
import torch

from unmask.faces.device import resolved_device


@pytest.mark.parametrize(("has_gpu", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_gpu_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    resolved_device.cache_clear()
    assert resolved_device("auto") == expected
    resolved_device.cache_clear()


def test_a_named_device_stays() -> None:
    assert resolved_device("cuda:1") == "cuda:1"
