"""Draw the figures and write the tables of docs/benchmarks.md: ``python -m benchmarks.figures``.

With ``--png FOLDER`` each picture is put there too, to look at.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import vl_convert

from benchmarks import blocks
from benchmarks.figures.charts import CHARTS
from benchmarks.figures.figures import FOLDER, figures, mark, path_of
from benchmarks.figures.page import BLOCKS, PAGE
from service.charts import theme
from service.charts.drawing import VEGA_LITE, accessible, renumbered
from service.plots.figure import Figure
from tools.pictures import slim


def specification(figure: Figure) -> str:
    """Return the Vega-Lite JSON of a figure."""
    return json.dumps(theme.finish(CHARTS[figure.chart](figure), figure).to_dict())


def main() -> None:
    """Draw and write them all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--png", type=Path, metavar="FOLDER")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    for name, figure in figures().items():
        spec = specification(figure)
        drawn = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[])
        picture = slim(accessible(renumbered(drawn), figure)).rstrip()
        path_of(name).write_text(f"{picture}\n{mark(figure)}", "utf-8")
        print(f"{name}.svg: {len(picture) / 1000:.0f} kB")
        if asked.png is not None:
            asked.png.mkdir(parents=True, exist_ok=True)
            image = vl_convert.vegalite_to_png(
                spec, vl_version=VEGA_LITE, scale=1.5, allowed_base_urls=[]
            )
            (asked.png / f"{name}.png").write_bytes(image)
    blocks.write(PAGE, BLOCKS)


if __name__ == "__main__":
    main()
