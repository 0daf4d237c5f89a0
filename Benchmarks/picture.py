#!/usr/bin/env python3
"""Draws how long `get` takes by the number of secrets: vault, by its own benchmark, and its peers, by theirs.

    picture.py BENCH.json PEERS.json PICTURE.svg

BENCH.json has "growth", a list of {"work", "secrets", "median"}; PEERS.json is what peers.py writes. Both axes are logarithmic. The
colours follow the reader's light or dark theme; what does not encrypt is dashed.
"""

import html
import json
import math
import sys

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 62, 742, 62, 388
LINE = 16  # between two labels
FEWEST, MOST = 10, 1_000_000
# Each has its two colours, for light and for dark, with enough contrast for text; vault's alone is strong.
COLOURS = {
    "vault": ("#c2255c", "#ff6b9d"), "age": ("#2b6cb0", "#74b3f0"), "sqlcipher": ("#2f7d4f", "#6fcf97"), "pass": ("#6b46c1", "#b79cf5"),
    "secret-tool": ("#0f766e", "#4fd1c5"), "keepassxc-cli": ("#9a5b00", "#e5b567"), "ansible-vault": ("#a33b20", "#f2907a"),
    "python-dotenv": ("#5f6672", "#aab2bf"),
}
OTHER = ("#44474f", "#c3c7cf")


def x_of(secrets):
    return LEFT + (RIGHT - LEFT) * math.log(secrets / FEWEST) / math.log(MOST / FEWEST)


def said(milliseconds):
    if milliseconds >= 1000:
        return "%.3g s" % (milliseconds / 1000)
    return "%.2g ms" % milliseconds if milliseconds < 100 else "%.0f ms" % milliseconds


def text(x, y, words, kind="", anchor="start"):
    return '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, html.escape(words))


def spread(wanted, lowest):
    """Heights as near to the wanted ones as can be, LINE apart and none below `lowest`: labels that would touch form a block, which
    lies about the mean of what its own want."""
    blocks = []
    for height in sorted(wanted):
        blocks.append([height, 1])
        while True:
            middle, count = blocks[-1]
            blocks[-1][0] = min(middle, lowest - (count - 1) * LINE / 2)
            if len(blocks) < 2 or blocks[-1][0] - blocks[-2][0] >= (count + blocks[-2][1]) * LINE / 2:
                break
            middle, count = blocks.pop()
            other, others = blocks.pop()
            blocks.append([(middle * count + other * others) / (count + others), count + others])
    return [middle + (place - (count - 1) / 2) * LINE for middle, count in blocks for place in range(count)]


def draw(lines, encrypts):
    times = [milliseconds for points in lines.values() for _, milliseconds in points]
    low, high = 10 ** math.floor(math.log10(min(times))), max(times) * 1.5

    def y_of(milliseconds):
        return BOTTOM - (BOTTOM - TOP) * math.log(milliseconds / low) / math.log(high / low)

    parts = [text(LEFT, 26, "Time to get one secret, by how many are stored", "title"),
             text(LEFT, 45, "median of a whole command; everything is unlocked; dashed: not encrypted; both axes logarithmic")]
    for power in range(round(math.log10(low)), math.floor(math.log10(high)) + 1):
        y = y_of(10 ** power)
        parts += ['<path d="M%d %.1fH%d" class="grid"/>' % (LEFT, y, RIGHT), text(LEFT - 8, y + 4, said(10 ** power), anchor="end")]
    for power in range(1, 7):
        x = x_of(10 ** power)
        parts += ['<path d="M%.1f %dV%d" class="grid"/>' % (x, TOP, BOTTOM),
                  text(x, BOTTOM + 19, format(10 ** power, ","), anchor="end" if power == 6 else "middle")]
    parts.append(text((LEFT + RIGHT) / 2, HEIGHT - 12, "secrets in the store", anchor="middle"))

    # vault's label stands over the end of its line; those of its peers stand in a column, in the order of the ends of their lines.
    peers = sorted((name for name in lines if name != "vault"), key=lambda name: y_of(lines[name][-1][1]))
    column = x_of(max(lines[name][-1][0] for name in peers)) + 26
    floor = min(y_of(milliseconds) for secrets, milliseconds in lines["vault"] if x_of(secrets) > column - 60)
    heights = spread([y_of(lines[name][-1][1]) for name in peers], floor - 30)
    for name, height in zip(peers, heights):
        x, y = x_of(lines[name][-1][0]), y_of(lines[name][-1][1])
        words = "%s  %s" % (name, said(lines[name][-1][1]))
        if lines[name][-1][0] < max(secrets for peer in peers for secrets, _ in lines[peer]):
            words += " at " + format(lines[name][-1][0], ",")
        parts += ['<path d="M%.1f %.1fL%.1f %.1fH%.1f" class="leader %s"/>' % (x, y, column - 10, height, column - 4, name),
                  text(column, height + 4, words, "label " + name)]
    for name in [*peers, "vault"]:
        points = [(x_of(secrets), y_of(milliseconds)) for secrets, milliseconds in lines[name]]
        style = "line" if encrypts.get(name, True) else "line plain"
        parts.append('<path d="M%s" class="%s %s"/>' % (" L".join("%.1f %.1f" % point for point in points), style, name))
        parts += ['<circle cx="%.1f" cy="%.1f" r="%s" class="label %s"/>' % (x, y, 4 if name == "vault" else 3, name) for x, y in points]
    x, y = x_of(lines["vault"][-1][0]), y_of(lines["vault"][-1][1])
    words = "vault  %s at %s" % (said(lines["vault"][-1][1]), format(lines["vault"][-1][0], ","))
    parts.append(text(x, y - 11, words, "label strong vault", "end"))
    return parts


def page(parts, names):
    colours = ["".join(".%s{color:%s}" % (name, COLOURS.get(name, OTHER)[theme]) for name in names) for theme in (0, 1)]
    style = """
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}
.paper{fill:#ffffff}.grid{stroke:#e3e6ea}.label{fill:currentColor}.strong{font-weight:700;font-size:14px}
text.label{stroke:#ffffff;stroke-width:4;stroke-linejoin:round;paint-order:stroke}
.line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}.line.vault{stroke-width:3.2}.plain{stroke-dasharray:6 4}
.leader{fill:none;stroke:currentColor;stroke-dasharray:1 3}%s
@media (prefers-color-scheme:dark){text{fill:#d0d7de}.paper{fill:#0d1117}.grid{stroke:#2a3038}.label{fill:currentColor}
text.label{stroke:#0d1117}%s}""" % tuple(colours)
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">\n<title>Time to get one secret, '
            'by how many are stored</title>\n<style>%s\n</style>\n<rect width="100%%" height="100%%" class="paper"/>\n%s\n</svg>\n'
            % (WIDTH, HEIGHT, WIDTH, HEIGHT, style, "\n".join(parts)))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip().split("\n")[2].strip())
    with open(sys.argv[1]) as own, open(sys.argv[2]) as others:
        growth, rows = json.load(own)["growth"], json.load(others)["rows"]
    lines = {"vault": [(row["secrets"], row["median"]) for row in growth if row["work"] == "get"]}
    for row in rows:
        if row["work"] == "get" and row["peer"] != "vault":
            lines.setdefault(row["peer"], []).append((row["secrets"], row["median_ms"]))
    lines = {name: sorted(points) for name, points in lines.items()}
    with open(sys.argv[3], "w") as file:
        file.write(page(draw(lines, {row["peer"]: row["encrypts"] for row in rows}), list(lines)))


if __name__ == "__main__":
    main()
