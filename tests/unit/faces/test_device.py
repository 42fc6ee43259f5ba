import pytest
import torch

from unmask.core.errors import ConfigError
from unmask.faces.device import resolved_device


@pytest.mark.parametrize(("has_gpu", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_gpu_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    resolved_device.cache_clear()
    assert resolved_device("auto") == expected
    resolved_device.cache_clear()


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:zero"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device={device} cannot be used here"):
        resolved_device(device)


def test_a_named_device_stays() -> None:
    assert resolved_device("cpu:0") == "cpu:0"
