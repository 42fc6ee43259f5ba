"""Mistakes of a command line are answered at once, each with the nearest name."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from unmask.config.build import build, build_untrained
from unmask.config.location import conf_dir
from unmask.config.shipped import targets
from unmask.config.targets import target_problems
from unmask.config.validate import check_command_line, typed
from unmask.core.errors import ConfigError


def message_of(*arguments: str, verb: str = "train") -> str:
    with pytest.raises(ConfigError) as caught:
        check_command_line(verb, list(arguments))
    return str(caught.value)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["experiment=demo"],
        ["model=effb0_lstm,swin_mean", "seed=1,2,3"],
        ["data=ffpp", "data.root=/data/ffpp", "data.source.compression=c40"],
        ["+model.backbone.drop_path_rate=0.1"],
        ["++seed=4"],
        ["~scheduler"],
        ["scheduler=constant"],
        ["callbacks=[checkpoint]"],
        ["eval.unscored=0.5"],
        ["hydra.job.chdir=false"],
        ["hparams_search=lr_dropout", "hydra.sweeper.n_trials=3"],
        ["hydra/sweeper=optuna", "optimizer.lr=tag(log, interval(1e-5, 1e-2))"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
    ],
)
def test_what_is_right_passes(arguments: list[str]) -> None:
    check_command_line("train", arguments)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("modle=effb0_lstm", "there is no key or group 'modle'; did you mean 'model'?"),
        ("model=efb0_lstm", "conf/model has no 'efb0_lstm'; did you mean 'effb0_lstm'?"),
        ("model/head=lstmm", "conf/model/head has no 'lstmm'; did you mean 'lstm'?"),
        ("model=effb0_lstm,swin_men", "conf/model has no 'swin_men'; did you mean 'swin_mean'?"),
        ("callbacks=[checkpont]", "did you mean 'checkpoint'?"),
        ("model.head.hidden_szie=8", "LSTMHead takes no argument 'hidden_szie'; did you mean"),
        ("+model.head.hidden_szie=8", "LSTMHead takes no argument 'hidden_szie'; did you mean"),
        ("model.head.readout=lst", "'lst' is not a choice; did you mean 'last'?"),
        ("optimizer.lrr=1", "AdamW takes no argument 'lrr'; did you mean 'lr'?"),
        ("loader.batchsize=1", "'loader' has no 'batchsize'; did you mean 'batch_size'?"),
        ("loader.batch_size=0", "`loader.batch_size=0`: input should be greater than 0."),
        ("loader.batch_size=two", "`loader.batch_size=two`: input should be a valid integer"),
        ("clips.num_frames=ten", "`clips.num_frames=ten`: input should be a valid integer"),
        ("trainer.precision=17", "'17' is not a choice; choose one of: 16, 16-mixed,"),
        ("trainer.precision=auot", "'auot' is not a choice; did you mean 'auto'?"),
        ("trainer.channels_last=true", "is a callback now: write 'callbacks=[...,channels_last]'"),
        ("+trainer.logger=true", "`trainer.logger`: unmask gives it to Trainer itself"),
        ("trainer.max_epoch=3", "Trainer takes no argument 'max_epoch'; did you mean 'max_epochs'"),
        ("loader.num_workers=-1", "must be auto, 0 for none, or a number of processes"),
        ("model.backbone.drop_path_rate=0.1", "write +model.backbone.drop_path_rate="),
        ("scheduler=null", "leave a group out with ~scheduler"),
        ("optimizer.lrr=interval(1e-5, 1e-2)", "AdamW takes no argument 'lrr'"),
        (
            "hydra/launcher=slurm",
            "conf/hydra/launcher has no 'slurm'; choose one of: basic, joblib",
        ),
        ("hydra.launcher.n_jobs=2", "Could not override 'hydra.launcher.n_jobs'."),
        ("nonsense", "`nonsense` is not of the form key=value"),
        ("data=ffpp", "`data.root` is not set; add data.root=<value>."),
        ("loss._target_=unmask.models.losses.make_fokal", "has no 'make_fokal'"),
        ("loss._target_=unmask.modells.losses.x", "cannot import 'unmask.modells.losses'"),
        ("+unheard=1", "`unheard` is not a field that unmask reads"),
    ],
)
def test_a_mistake_gets_its_sentence(argument: str, expected: str) -> None:
    assert expected in message_of(argument)


def test_all_mistakes_are_answered_at_once() -> None:
    message = message_of("modle=x", "model=efb0_lstm", "optimizer.lrr=1", "seed=-1", "nonsense")
    assert message.startswith("The configuration has 5 problems:")
    for word in ("'model'", "'effb0_lstm'", "'lr'", "`seed=-1`", "`nonsense`"):
        assert word in message


def test_each_problem_is_named_once() -> None:
    message = message_of("data=ffpp", "loader.batch_size=0")
    assert message.count("data.root") == 2  # the key and what to add
    assert message.count("batch_size") == 1


def test_a_missing_argument_is_named() -> None:
    node = {"_target_": "unmask.models.heads.recurrent.LSTMHead"}
    assert list(target_problems(node, "head")) == [
        "`head.num_features`: LSTMHead needs it and it is not set."
    ]
    assert list(target_problems(node | {"_partial_": True}, "head")) == []


def test_nodes_inside_lists_are_checked() -> None:
    node = {"items": [{"_target_": "torch.nn.Linear", "in_featuers": 3, "_partial_": True}]}
    [problem] = target_problems(node, "x")
    assert problem.startswith("`x.items[0].in_featuers`: Linear takes no argument 'in_featuers'")


def test_a_folder_of_ones_own_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "optimizer").mkdir()
    own = "_target_: torch.optim.RMSprop\n_partial_: true\n"
    (tmp_path / "optimizer" / "mine.yaml").write_text(own)
    check_command_line("train", ["optimizer=mine"], config_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="conf/optimizer has no 'mine'"):
        check_command_line("train", ["optimizer=mine"])


def test_typed_refuses_what_the_schema_does_not_know() -> None:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("report", overrides=["runs=x", "eval.num_resamples=0"])
    with pytest.raises(ConfigError, match="num_resamples"):
        typed("report", config)


def test_an_object_that_refuses_its_value_keeps_its_own_sentence() -> None:
    node = {"_target_": "unmask.data.dataset.ClipLayout", "num_frames": 0}
    with pytest.raises(ConfigError, match=r"clips.num_frames must be at least 1, got 0"):
        build(node)


def test_an_error_of_ours_passes_through_building() -> None:
    node = {"_target_": "unmask.models.backbone.TimmBackbone", "name": "no_such_net"}
    with pytest.raises(ConfigError, match="no architecture 'no_such_net'"):
        build(node)


def test_untrained_building_refuses_code_from_elsewhere() -> None:
    with pytest.raises(ConfigError, match=r"os\.system"):
        build_untrained({"_target_": "os.system", "command": "true"})


def test_targets_are_listed_in_depth() -> None:
    assert targets({"a": [{"_target_": "x.Y", "b": {"_target_": "x.Z"}}]}) == ["x.Y", "x.Z"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("text", ["3", "a/b", "1/2/3"])
def test_a_shard_is_i_of_n(text: str) -> None:
    check_command_line("prepare", ["shard=1/8"])
    assert "must be i/n, such as 1/8" in message_of(f"shard={text}", verb="prepare")
    assert "no key or group 'shard'" in message_of("shard=1/8", verb="train")
