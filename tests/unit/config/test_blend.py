"""Several data sets on a command line."""

import pytest
from hydra import compose, initialize_config_dir

from unmask.config.blend import spell_out_blend
from unmask.config.location import conf_dir
from unmask.config.schema import TrainConfig, sets_of
from unmask.config.validate import check_command_line, typed
from unmask.core.errors import ConfigError

BLEND = "data=[ffpp,celebdf_v2]"
ROOTS = ["data.sets.ffpp.root=/a", "data.sets.celebdf_v2.root=/b"]


def test_each_data_set_of_a_list_keeps_its_own_values() -> None:
    rule = "data/split@data.sets.ffpp.split=official_clean"
    check_command_line("train", [BLEND, *ROOTS, rule])
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        content = compose("train", overrides=spell_out_blend([BLEND, *ROOTS, rule]))
    config: TrainConfig = typed("train", content)
    assert [(one.name, str(one.root)) for one in sets_of(config.data)] == [
        ("ffpp", "/a"),
        ("celebdf_v2", "/b"),
    ]
    assert config.data.sets["ffpp"].split["root"] == "/a"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=[ffpp,celbdf_v2]"], "did you mean 'celebdf_v2'"),
        ([BLEND, ROOTS[0]], r"`data\.sets\.celebdf_v2\.root` is not set"),
        (["data=[ffpp,ffpp]"], "names 'ffpp' twice"),
        (["data=blend"], r"`data\.sets={}`"),
    ],
)
def test_a_bad_blend_is_named(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_command_line("train", arguments)
