from unmask.core.labels import CLASS_NAMES, FAKE, REAL


def test_fake_is_the_positive_class() -> None:
    assert (REAL, FAKE) == (0, 1)


def test_a_label_is_the_index_of_its_name() -> None:
    assert (CLASS_NAMES[REAL], CLASS_NAMES[FAKE]) == ("real", "fake")
