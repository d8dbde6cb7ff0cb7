"""What data is loaded by: plain values that settings and cards remember."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Source:
    """What data is loaded by; `tfnas.data.load.load` explains each part.

    Attributes:
        text: A name, folder, file or function; empty for data that was not loaded.
        skip_bad_images: Leave out images of a folder that cannot be read.
        typed: Whether the user typed the text, or it stands in their own run folder.
    """

    text: str = ""
    skip_bad_images: bool = False
    typed: bool = False

    def skipping(self, also: bool) -> Self:
        """The same data, where bad images are left out if they were, or if `also`."""
        return replace(self, skip_bad_images=self.skip_bad_images or also)


# Of data that was made in memory.
NOT_LOADED = Source()
