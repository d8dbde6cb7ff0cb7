"""Folders of images, one sub-folder per class, with or without a test set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfnas.data.arrays import with_test_set
from tfnas.data.dataset import Dataset, Images, Labels
from tfnas.data.resize import fit
from tfnas.errors import DataError
from tfnas.support.progress import bar, say
from tfnas.support.quiet import quiet

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}
_NAMED = 5


def read_folder(
    folder: Path,
    shape: tuple[int, int, int] | None = None,
    skip_bad_images: bool = False,
) -> Dataset:
    """Read a folder with a sub-folder per class, or with `train` and `test` of such.

    Without a test set, a fifth of the images becomes it. Names that begin with a dot
    are passed over.

    Args:
        folder: The folder.
        shape: What images are resized to; the shape of the first one by default.
        skip_bad_images: Leave out images that cannot be read, with a warning.

    Raises:
        DataError: If images cannot be read and are not to be left out, if a class has
            no images, or if the folder is laid out otherwise.
    """
    roots = _roots(folder)
    classes = _classes(roots)
    listed = [[_images_in(root / name) for name in classes] for root in roots]
    total = sum(len(files) for root in listed for files in root)
    reader = _Reader(shape)
    with bar(total, f"Read {folder}", delay_s=2) as line:
        found = [reader.read(files, line) for files in listed]
    reader.report(folder, total, skip_bad_images)
    for root, (_, labels) in zip(roots, found, strict=True):
        _require_all(root, labels, classes)
    parts = [(np.stack(images), labels) for images, labels in found]
    name = folder.name if folder.name.strip(".") else folder.resolve().name
    test = parts[1] if len(parts) > 1 else None
    whole = with_test_set(name, parts[0], test, classes)
    return replace(whole, skipped=len(reader.damaged))


class _Reader:
    """Reads images in the shape of the first, and remembers which it could not read.

    Args:
        shape: What they are resized to; that of the first one that can be read if None.
    """

    def __init__(self, shape: tuple[int, int, int] | None) -> None:
        self.shape = shape
        self.given = shape is not None
        self.sizes: set[tuple[int, ...]] = set()
        self.damaged: list[Path] = []

    def read(
        self, classes: Sequence[Sequence[Path]], line: Any
    ) -> tuple[list[Images], Labels]:
        """The images of files, listed by class, and their labels."""
        images, labels = [], []
        for label, files in enumerate(classes):
            for path in files:
                if (image := self._fitted(path)) is not None:
                    images.append(image)
                    labels.append(label)
                line.update()
        return images, np.array(labels, np.int32)

    def _fitted(self, path: Path) -> Images | None:
        image = _decode(path)
        if image is None:
            self.damaged.append(path)
            return None
        height, width, channels = image.shape
        self.sizes.add((height, width))
        self.shape = self.shape or (height, width, 1 if channels < 3 else 3)
        return fit(image, self.shape)

    def report(self, folder: Path, total: int, skip: bool) -> None:
        """Say what was not read, or was resized without having been asked for.

        Raises:
            DataError: If images were not read, and are not to be left out.
        """
        if self.damaged:
            names = [repr(str(p.relative_to(folder))) for p in self.damaged[:_NAMED]]
            more = len(self.damaged) - len(names)
            named = ", ".join(names) + (f" and {more} more" if more else "")
            text = f"{len(self.damaged)} of {total} images in {folder} cannot be read"
            if not skip:
                raise DataError(
                    f"{text}: {named}. Repair or remove them, or leave them out with "
                    "--skip-bad-images."
                )
            say(f"Warning: {text} and are left out: {named}")
        if self.shape and not self.given and len(self.sizes) > 1:
            shape = "x".join(map(str, self.shape))
            say(
                f"Images in {folder} have {len(self.sizes)} sizes; all are resized to "
                f"{shape}, that of the first. Choose another with --input."
            )


def _roots(folder: Path) -> list[Path]:
    parts = [folder / name for name in ("train", "test")]
    found = [part for part in parts if part.is_dir()]
    if len(found) == 1:
        raise DataError(f"{folder} has only one of the folders train and test")
    return found or [folder]


def _classes(roots: Sequence[Path]) -> tuple[str, ...]:
    first, *others = (
        sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
        for root in roots
    )
    if len(first) < 2:
        raise DataError(
            f"{roots[0]} needs a sub-folder for each of at least two classes"
        )
    for root, names in zip(roots[1:], others, strict=True):
        if strange := sorted({*names} - {*first}):
            raise DataError(
                f"{root} has a class {strange[0]!r} that {roots[0]} has no images of. "
                "Add some there, or remove it."
            )
    return tuple(first)


def _images_in(folder: Path) -> list[Path]:
    files = sorted(
        path
        for path in folder.glob("*")
        if path.suffix.lower() in SUFFIXES and path.name[0] != "."
    )
    if not files:
        raise DataError(
            f"Class {folder.name!r} has no images in {folder}. Add some, or remove it."
        )
    return files


def _decode(path: Path) -> Any:
    """The pixels of a file, shape `(height, width, channels)`; None if unreadable."""
    try:
        with quiet():  # libjpeg complains on stderr, past TensorFlow
            content = path.read_bytes()
            return tf.io.decode_image(content, expand_animations=False).numpy()
    except (OSError, tf.errors.InvalidArgumentError):
        return None


def _require_all(root: Path, labels: Labels, classes: Sequence[str]) -> None:
    left = set(labels.tolist())
    for label, name in enumerate(classes):
        if label not in left:
            raise DataError(
                f"Class {name!r} has no images left in {root / name}: none of them can "
                "be read. Add some, or remove the class."
            )
