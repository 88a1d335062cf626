"""Draws loss-curve.png from loss.csv with Pillow: every term against the step, on a
logarithmic axis, each curve smoothed.

    python3 loss_curve.py --csv loss.csv --out loss-curve.png
"""

import argparse
import csv
import math
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 960, 540
LEFT, RIGHT, TOP, BOTTOM = 70, 130, 30, 50
COLOURS = {
    "total": (20, 20, 20),
    "inverse": (31, 119, 180),
    "log": (214, 39, 40),
    "shape": (255, 127, 14),
    "gradient": (44, 160, 44),
    "fov": (148, 103, 189),
}


def read_curves(path):
    """{column: [(step, value), ...]} with values above zero."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        name: [(int(row["step"]), float(row[name])) for row in rows if float(row[name]) > 0]
        for name in COLOURS
    }


def smooth(points, share=0.02):
    """Exponential average in the logarithm over about `share` of the points."""
    weight = 1 / max(1.0, share * len(points))
    kept, smoothed = None, []
    for step, value in points:
        kept = math.log(value) if kept is None else kept + weight * (math.log(value) - kept)
        smoothed.append((step, math.exp(kept)))
    return smoothed


def draw(curves):
    """Curves on one pair of axes; returns the image."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    canvas = ImageDraw.Draw(image)
    values = [value for points in curves.values() for _, value in points]
    last = max(step for points in curves.values() for step, _ in points) or 1
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def place(step, value):
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        y = TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(value)) / (high - low)
        return x, y

    for exponent in range(low, high + 1):
        y = place(0, 10.0**exponent)[1]
        canvas.line([(LEFT, y), (WIDTH - RIGHT, y)], fill=(215, 215, 215))
        canvas.text((LEFT - 50, y - 6), f"{10.0 ** exponent:g}", fill="black")
    for tick in range(6):
        step = round(last * tick / 5)
        x = place(step, 10.0**low)[0]
        canvas.line([(x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 5)], fill="black")
        canvas.text((x - 15, HEIGHT - BOTTOM + 10), str(step), fill="black")
    canvas.text((WIDTH // 2 - 40, HEIGHT - 20), "training step", fill="black")
    title = "loss terms, unweighted (fov in degrees), and their weighted total"
    canvas.text((LEFT, 8), title, fill="black")

    for index, (name, points) in enumerate(curves.items()):
        path = [place(*point) for point in smooth(points)]
        if len(path) > 1:
            canvas.line(path, fill=COLOURS[name], width=2)
        y = TOP + 18 * index
        x = WIDTH - RIGHT + 15
        canvas.line([(x, y + 6), (x + 25, y + 6)], fill=COLOURS[name], width=3)
        canvas.text((x + 31, y), name, fill="black")
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, default=HERE / "loss.csv")
    parser.add_argument("--out", type=Path, default=HERE / "loss-curve.png")
    options = parser.parse_args()
    draw(read_curves(options.csv)).save(options.out)


if __name__ == "__main__":
    main()
