"""The Palmer penguins, the demo's data set: where its file lies, where it comes from, its licence.

344 penguins of three species on three islands of the Palmer Archipelago, Antarctica, 2007 to 2009:
`species, island, bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g, sex, year`; 19 cells
are missing (`NA`).

Collected by Dr. Kristen Gorman and the Palmer Station, Antarctica LTER, and published as:
Gorman KB, Williams TD, Fraser WR (2014) Ecological Sexual Dimorphism and Environmental Variability
within a Community of Antarctic Penguins (Genus Pygoscelis). PLoS ONE 9(3): e90081.
https://doi.org/10.1371/journal.pone.0090081
Put together as one table by Horst AM, Hill AP, Gorman KB (2020): https://allisonhorst.github.io/palmerpenguins/

Licence of the data: CC0 1.0, public domain (https://creativecommons.org/publicdomain/zero/1.0/), in
accordance with the Palmer Station LTER data policy. The file is the unchanged `penguins.csv`.
"""

from __future__ import annotations

from pathlib import Path


def penguins_path() -> Path:
    """Return the path of the penguins' CSV file, which is installed with the package."""
    return Path(__file__).with_name("penguins.csv")
