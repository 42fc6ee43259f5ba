"""`unmask audit` and the refusal before training."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from unmask.cli.main import main
from unmask.core.errors import DataError
from unmask.data.manifest import write_table
from unmask.data.store import FaceStore
from unmask.prepare.datasets import DataSet
from unmask.verbs.honesty import require_no_leak


def leaking(store: FaceStore) -> FaceStore:
    videos = store.videos.copy()
    videos.loc[videos["video_id"] == "toy/swap/test0", "group"] = "toy/train0"
    write_table(store.folder / "videos.parquet", "videos", videos)
    return FaceStore.open(store.folder)


def test_training_is_refused_with_the_pair_and_goes_on_when_allowed(make_store) -> None:  # noqa: ANN001
    store = make_store()
    assert require_no_leak([store], [], allow_leak=False) == {
        "re-pack": 0, "video": 0, "group": 0, "crop": 0,
    }  # fmt: skip
    with pytest.raises(DataError, match=r"toy/train0 is in train .* test \(toy/swap/test0\)"):
        require_no_leak([leaking(store)], [], allow_leak=False)
    assert require_no_leak([leaking(store)], [], allow_leak=True)["group"] == 1


def of_actors(store: FaceStore, compression: str) -> FaceStore:
    videos = store.videos.copy()
    videos["group"] = "ffpp/actors/" + store.dataset + videos["split"]
    videos["compression"] = compression
    return replace(store, videos=videos)


def test_a_repack_beside_its_source_is_refused_and_goes_on_when_allowed(make_store) -> None:  # noqa: ANN001
    dfd = of_actors(make_store(name="dfd"), "c23")
    repack = of_actors(make_store(name="mine", brightness=(30, 220)), "")
    for own, others in (([dfd, repack], []), ([dfd], [repack]), ([repack], [dfd])):
        with pytest.raises(DataError, match="'mine' and 'dfd' both hold videos of DeepFakeDetec"):
            require_no_leak(own, others, allow_leak=False)
        assert require_no_leak(own, others, allow_leak=True)["re-pack"] == 1


@pytest.mark.parametrize("is_leaking", [False, True])
def test_audit_prints_the_pairs_and_says_so_by_its_exit_code(
    make_store,  # noqa: ANN001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_leaking: bool,
) -> None:
    store = leaking(make_store()) if is_leaking else make_store()
    monkeypatch.setenv("UNMASK_OUTPUTS_DIR", str(tmp_path / "outputs"))
    arguments = ["audit", f"manifests={store.folder}"]
    if not is_leaking:
        main(arguments)
        assert "in two splits of 1 manifest." in capsys.readouterr().out
        return
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 1
    assert "1 leaks" in capsys.readouterr().out


@pytest.mark.slow
def test_a_blend_with_leaks_is_trained_and_marked_from_the_command_line(
    make_store,  # noqa: ANN001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores = {"folder": leaking(make_store()), "ffpp": make_store(name="ffpp")}

    def open_toy(dataset: DataSet, *_: object) -> FaceStore:
        return stores[dataset.name]

    monkeypatch.setattr("unmask.verbs.training_data.open_store", open_toy)
    monkeypatch.setattr("unmask.verbs.run_data.open_store", open_toy)
    monkeypatch.setenv("UNMASK_OUTPUTS_DIR", str(tmp_path / "outputs"))
    words = [
        "train", "data=[folder,ffpp]", "data.sets.folder.root=.", "data.sets.ffpp.root=.",
        "model=plain_cnn_mean", "model.backbone.filters=[4,8]", "model.backbone.image_size=32",
        "trainer.accelerator=cpu", "trainer.max_epochs=1", "loader.num_workers=0",
        "trainer.enable_progress_bar=false", "callbacks=[checkpoint]", "logger=[csv]",
        "sampler=balanced", "eval.num_resamples=5",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    main([*words, "allow_leak=true"])
    [run_json] = (tmp_path / "outputs").glob("train/*/run.json")
    card = json.loads(run_json.read_text())
    assert card["leak_allowed"]
    assert card["leaks"]["group"] == 1
    assert card["data"] == "folder+ffpp"
    metrics = json.loads((run_json.parent / "metrics.json").read_text())
    assert metrics["leak_allowed"]
    assert set(metrics["datasets"]) == {"toy", "ffpp"}
    assert "(leak allowed)" in (run_json.parent / "report.md").read_text()
