"""Examples of the page: three short films of people who do not exist."""

from pathlib import Path
from typing import Final

from unmask.demo import Picture, SyntheticFFPP, make_ffpp

# Other people than those of the demo, whose seed is 0.
_SEED: Final = 20_260
_PICTURE: Final = Picture(num_frames=10)
_FILES: Final = {
    "Real film": "original_sequences/youtube/c23/videos/000.mp4",
    "Swapped face": "manipulated_sequences/SwappedFace/c23/videos/000_001.mp4",
    "Reenactment": "manipulated_sequences/Reenactment/c23/videos/000_001.mp4",
}


def make_examples(folder: Path) -> dict[str, Path]:
    """Render the examples.

    Args:
        folder: Gets them; some 200 kB.

    Returns:
        What a button says -> its film.
    """
    settings = SyntheticFFPP(
        seed=_SEED, num_train_pairs=0, num_val_pairs=0, num_test_pairs=1, picture=_PICTURE
    )
    make_ffpp(folder, settings, num_workers=1)
    return {name: folder / file for name, file in _FILES.items()}
