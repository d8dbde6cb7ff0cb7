"""One image in another size, or with other channels."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfnas.data.dataset import Images
from tfnas.errors import DataError

# Red, green and blue in the brightness of an image (ITU-R BT.601, as JPEG has it).
LUMA = (0.299, 0.587, 0.114)


def fit(image: Images, shape: tuple[int, int, int]) -> Images:
    """An image as an input takes it; `infer.py` does the same to what it is given.

    Sides are resized each on its own, bilinear over all pixels that fall into one.
    Grey becomes three equal channels, colour its brightness; transparency is dropped.

    Args:
        image: Shape `(height, width, channels)`, 0..255; 1 to 4 channels are grey, grey
            with transparency, colour, colour with transparency.
        shape: Height, width and channels it shall have.

    Returns:
        The image, of that shape.

    Raises:
        DataError: If its channels cannot be turned into those of `shape`.
    """
    image = _recoloured(image, shape[2])
    if image.shape == shape:
        return image
    resized = tf.image.resize(image, shape[:2], antialias=True)
    fitted: Images = tf.saturate_cast(tf.round(resized), tf.uint8).numpy()
    return fitted


def _recoloured(image: Any, channels: int) -> Any:
    found = image.shape[-1]
    if found == channels:
        return image
    if channels not in (1, 3) or found > 4:
        raise DataError(
            f"An image of {found} channels cannot be turned into one of {channels}: "
            "only 1 (grey) and 3 (colour) can be made. Choose such an --input."
        )
    solid = image[..., : 1 if found < 3 else 3]
    if solid.shape[-1] == channels:
        return solid
    if channels == 3:
        return np.repeat(solid, 3, axis=-1)
    return np.rint(solid @ np.array(LUMA))[..., None].astype(np.uint8)
