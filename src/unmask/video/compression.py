"""How strongly a file was compressed, as far as the file itself tells."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from unmask.video.timeline import Timeline

# Luminance table of JPEG at quality 50 (ITU-T T.81, annex K), zigzag order left aside: only the sum
# of the table is compared.
_BASE_SUM: Final = 3688


def bits_per_pixel(path: Path, timeline: Timeline) -> float:
    """Return the bits that a video spends on a pixel, its sound and container included.

    Returns:
        Bits per pixel and frame.
    """
    num_pixels = timeline.width * timeline.height * len(timeline.pts)
    return 8 * path.stat().st_size / max(num_pixels, 1)


def jpeg_quality(path: Path) -> int | None:
    """Estimate the quality that a JPEG file was last saved with.

    It inverts the scale of the IJG's library, as most programs use it, from the sum of the
    luminance table. Below 25 its entries reach their limit and the estimate is too high.

    Returns:
        From 1 to 100, or None for a file that is no JPEG.
    """
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            tables = getattr(image, "quantization", None)
    except (OSError, ValueError, SyntaxError):
        return None
    if not tables:
        return None
    scale = 100 * float(np.sum(tables[min(tables)])) / _BASE_SUM
    quality = 100 - scale / 2 if scale <= 100 else 5000 / scale
    return int(np.clip(round(quality), 1, 100))
