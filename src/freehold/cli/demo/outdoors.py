"""Scenes of the town and its surroundings. Each draws on a canvas of the size that `art.SCENES` gives it."""

import math

from freehold.cli.demo.canvas import Canvas, dark, light, mix
from freehold.cli.demo.motifs import CLOTHES, fall, fir, hills, house, lamp, person, sky, steps, terrace, tree, water


def market(c: Canvas) -> None:
    sky(c, 400)
    terrace(c, 520, 180, 290)
    c.rect(0, 515, 1200, 400, c.shade(c.mood.lit("#d8c6a4"), c.mood.lit("#b89f7a")))
    for stall in range(4):
        x, y = 60 + stall * 285 + c.rng.uniform(-12, 12), 560 + (stall % 2) * 70
        cloth = c.pick("#b5362f", "#2d6a5a", "#d9a53a", "#40628a")
        c.rect(x + 8, y, 6, 190, "#5c4636")
        c.rect(x + 226, y, 6, 190, "#5c4636")
        c.rect(x, y + 110, 240, 80, c.mood.lit("#8a623f"))
        for i in range(36):
            fruit = c.pick("#d9432f", "#e8a22f", "#e9d049", "#6f9a44", "#8a3f6b")
            c.disc(x + 14 + (i % 18) * 12.4, y + 106 - (i // 18) * 10, 7.5, fruit)
        for i in range(8):
            c.poly(
                [
                    (x + i * 30, y - 40),
                    (x + i * 30 + 30, y - 40),
                    (x + i * 30 + 30, y + 14),
                    (x + i * 30 + 15, y + 24),
                    (x + i * 30, y + 14),
                ],
                cloth if i % 2 else "#f6efe0",
            )
    for _ in range(c.rng.randint(6, 10)):
        person(c, c.rng.uniform(40, 1160), c.rng.uniform(800, 890), c.rng.uniform(110, 140))
    fall(c)


def bridge(c: Canvas) -> None:
    sky(c, 360)
    hills(c, 380, "#7f9a86", 90)
    water(c, 420)
    stone = c.mood.lit("#8d8f96")
    c.path("M-10 330H1210V470H-10Z", stone)
    for i in range(5):
        x = 120 + i * 240
        c.path(f"M{x - 92} 472V450A92 92 0 0 1 {x + 92} 450V472Z", mix(c.mood.sky[2], stone, 0.1))
        c.oval(x, 530, 86, 52, mix(c.mood.sky[2], "#ffffff", 0.3), 0.45)
    c.rect(-10, 318, 1220, 14, light(stone, 0.2))
    for x in range(80, 1200, 260):
        lamp(c, x, 320, 90)
    for _ in range(c.rng.randint(2, 5)):
        person(c, c.rng.uniform(100, 1100), 320, 44)
    if c.mood.hour == "dawn":
        c.rect(0, 400, 1200, 120, "#f3efe6", alpha=0.35)


def square(c: Canvas) -> None:
    stone = c.mood.lit("#dccbaa")
    c.fill(stone)
    for r in range(90, 760, 62):
        c.ring(500, 500, r, dark(stone, 0.14), 2)
    for i in range(40):
        a = i * math.pi / 20
        c.line(
            500 + 90 * math.cos(a),
            500 + 90 * math.sin(a),
            500 + 800 * math.cos(a),
            500 + 800 * math.sin(a),
            dark(stone, 0.12),
            1.5,
        )
    for r, tone in ((96, "#b9a98b"), (82, "#6fb3b0"), (46, "#e8dfca"), (30, "#83c4c0")):
        c.disc(500, 500, r, c.mood.lit(tone))
    for x, y in ((70, 80), (930, 90), (80, 930), (920, 920)):
        for _ in range(26):
            c.disc(x + c.rng.gauss(0, 62), y + c.rng.gauss(0, 62), c.rng.uniform(22, 46), c.pick(*c.mood.leaves), 0.85)
    for _ in range(30):
        a, away = c.rng.uniform(0, 6.3), c.rng.uniform(150, 470)
        px, py = 500 + away * math.cos(a), 500 + away * math.sin(a)
        c.line(px, py, px + 44, py + 30, "#3a2c1a", 9, 0.25)
        c.oval(px, py, 12, 9, c.pick(*CLOTHES))
        c.disc(px, py, 5.5, c.pick("#2a1f1a", "#6a4a2e", "#c9c2b8"))


def facade(c: Canvas) -> None:
    wall, shutter = (
        c.pick("#e0a77f", "#d9b98a", "#c9a0a0", "#b4bda6"),
        c.pick("#2f6a5e", "#3d5d84", "#7a3a3a", "#5b6b42"),
    )
    c.fill(light(wall, 0.1), dark(wall, 0.08))
    glass = "#f5cf7a" if c.mood.hour in ("night", "dusk") else c.mood.lit("#55707c")
    for row in range(3):
        for column in range(3):
            x, y = 120 + column * 290, 60 + row * 325
            c.rect(x, y, 150, 220, "#f7ecd9")
            c.rect(x + 10, y + 10, 130, 200, glass if c.rng.random() < 0.7 else c.mood.lit("#3f5560"))
            c.rect(x + 70, y + 10, 9, 200, "#f7ecd9")
            c.rect(x + 10, y + 90, 130, 8, "#f7ecd9")
            for side in (x - 64, x + 154):
                c.rect(side, y, 60, 220, shutter)
                for slat in range(9):
                    c.rect(side + 8, y + 12 + slat * 22.5, 44, 10, dark(shutter, 0.25))
            c.rect(x - 12, y + 226, 174, 26, c.mood.lit("#8a5a3c"))
            for i in range(26):
                tone = c.pick("#c9402f", "#e58fa3", "#f3e9d2", "#6f9a55", "#4f7f45")
                c.disc(x + i * 6.2 - 4, y + 222 + c.rng.uniform(-16, 6), c.rng.uniform(6, 11), tone)
    c.poly([(0, 0), (560, 0), (0, 640)], "#fff3d0", 0.13)


def town(c: Canvas) -> None:
    sky(c, 420)
    hills(c, 430, "#6f8f76", 140)
    for row in range(3):
        x = 100.0 + row * 30
        while x < 1100 - row * 30:
            w = c.rng.uniform(46, 74)
            house(c, x, 470 + row * 44, w, c.rng.uniform(46, 82))
            x += w * 0.96
    c.rect(585, 300, 44, 160, c.mood.lit("#d9c8a8"))
    c.poly([(578, 304), (607, 190), (636, 304)], c.mood.lit("#4d7a6c"))
    c.disc(607, 336, 13, "#f7f0dc")
    hills(c, 640, "#4f7a4c", 60, 2)
    for _ in range(12):
        tree(c, c.rng.uniform(0, 1200), c.rng.uniform(620, 690), c.rng.uniform(60, 110))
    fall(c)


def tram(c: Canvas) -> None:
    c.fill(*c.mood.sky)
    terrace(c, 560, 190, 340)
    c.rect(0, 555, 1200, 345, c.shade(c.mood.lit("#5b5f6a"), c.mood.lit("#3c404c")))
    body, shift = c.pick("#b5302c", "#2f5f52", "#d0922c", "#345a86"), c.rng.uniform(-60, 60)
    c.line(0, 190, 1200, 170, "#22252e", 3)
    with c.moved(shift, 0):
        c.path("M560 330L620 250L560 182M620 250L660 330", stroke="#22252e", width=6)
        c.rect(230, 330, 760, 260, body, 26)
        c.rect(230, 520, 760, 30, dark(body, 0.35))
        for i in range(6):
            x = 262 + i * 120
            c.rect(x, 366, 100, 110, "#ffe9ae" if c.mood.hour in ("night", "dusk") else c.mood.lit("#cfe0e4"), 8)
            if c.rng.random() < 0.7:
                c.rect(x + 26, 430, 48, 46, c.pick(*CLOTHES), 16)
                c.disc(x + 50, 414, 17, c.pick("#c98a63", "#f2d3b8", "#7d5138"))
        for x in (340, 430, 790, 880):
            c.disc(x, 596, 30, "#1d2028")
        c.glow(978, 548, 120, "#fff0b8", 0.8)
        c.rect(240, 640, 740, 150, "#ffe9ae", alpha=0.1)
    for y in (628, 700):
        c.line(0, y, 1200, y + 8, "#aeb4be", 5, 0.8)
    fall(c)


def harbour(c: Canvas) -> None:
    sky(c, 430)
    hills(c, 440, "#62698a", 80, 2)
    water(c, 430, "#4d6f92")
    for _ in range(c.rng.randint(3, 6)):
        x, y = c.rng.uniform(90, 1110), c.rng.uniform(470, 720)
        size = (y - 330) / 260
        with c.moved(x, y, size):
            hull = c.pick("#2a3040", "#7a2f2c", "#efe6d2", "#2f5f52")
            c.oval(0, 26, 92, 9, "#10131c", 0.3)
            c.path("M-84 -4H84L58 24H-60Z", hull)
            c.rect(-3, -150, 6, 148, "#3a2c22")
            c.poly([(8, -142), (8, -20), (78, -20)], "#f4ecdb")
            c.poly([(-8, -124), (-8, -20), (-58, -20)], light(hull, 0.55))


def rowing(c: Canvas) -> None:
    water(c, 0, "#2f6f7d")
    count, hull = c.rng.choice((2, 4)), c.pick("#b9773a", "#e9dcc0", "#a9382f")
    with c.moved(500, 500, 1.15, -c.rng.uniform(20, 50)):
        c.oval(0, 14, 420, 44, "#0e2c33", 0.4)
        c.path("M-400 0Q-200 -50 0 -50T400 0Q200 50 0 50T-400 0Z", hull)
        c.path("M-320 0Q-160 -28 0 -28T320 0Q160 28 0 28T-320 0Z", dark(hull, 0.4))
        for i in range(count):
            x, side = -210 + i * 420 / (count - 0.999), 1 if i % 2 else -1
            c.line(x, 0, x + 50, side * 230, "#f0e6d0", 8)
            c.oval(x + 55, side * 250, 14, 34, "#c9402f")
            c.ring(x + 55, side * 255, 58, "#d9f0ee", 3, 0.5)
            c.disc(x, 0, 30, c.pick(*CLOTHES))
            c.disc(x, 0, 15, c.pick("#5a3d26", "#2a1f1a", "#c9a172"))


def umbrellas(c: Canvas) -> None:
    c.fill(c.mood.lit("#59636f"))
    for _ in range(170):
        x, y = c.rng.uniform(0, 1000), c.rng.uniform(0, 1000)
        c.line(x, y, x - 5, y + 16, "#c9d6dd", 2, 0.4)
    for row in range(4):
        for column in range(4):
            x, y = 90 + column * 270 + (row % 2) * 90 + c.rng.gauss(0, 22), 110 + row * 262 + c.rng.gauss(0, 22)
            r, cloth, first = c.rng.uniform(96, 142), c.pick(*CLOTHES, "#d98a6a"), c.rng.uniform(0, 1)
            c.disc(x + 22, y + 26, r * 0.95, "#1d222b", 0.4)
            corners = [
                (x + r * math.cos(first + i * math.pi / 4), y + r * math.sin(first + i * math.pi / 4)) for i in range(8)
            ]
            for i in range(8):
                c.poly([(x, y), corners[i], corners[(i + 1) % 8]], dark(cloth, 0.14 * (i % 2)))
            c.disc(x, y, 6, "#f0e6d0")


def avenue(c: Canvas) -> None:
    c.fill(*c.mood.sky)
    c.rect(0, 640, 960, 560, c.mood.lit(c.mood.ground))
    c.poly([(455, 640), (505, 640), (860, 1200), (100, 1200)], c.shade(c.mood.lit("#efe2c2"), c.mood.lit("#cdb98f")))
    for i in range(7):
        size, spread = 120 + 110 * i, 70 + 66 * i
        ground = 655 + 74 * i
        for side in (-1, 1):
            tree(c, 480 + side * spread, ground, size)
    for _ in range(c.rng.randint(1, 3)):
        person(c, c.rng.uniform(420, 560), c.rng.uniform(760, 900), c.rng.uniform(90, 120))
    fall(c)


def pitch(c: Canvas) -> None:
    green = c.mood.lit("#3f7d45")
    for i in range(12):
        c.rect(i * 100, 0, 100, 900, dark(green, 0.12 * (i % 2)))
    chalk = "#eaf2e6"
    for x, y, w, h in ((60, 60, 1080, 780), (60, 250, 150, 400), (990, 250, 150, 400)):
        c.path(f"M{x} {y}h{w}v{h}h{-w}z", stroke=chalk, width=4)
    c.line(600, 60, 600, 840, chalk, 4)
    c.ring(600, 450, 110, chalk, 4)
    for i in range(22):
        px, py = c.rng.uniform(120, 1080), c.rng.uniform(110, 800)
        c.line(px, py, px + 58, py + 28, "#10331a", 9, 0.4)
        c.disc(px, py, 12, "#c4332c" if i % 2 else "#f7f3e8")
        c.disc(px, py, 5, "#2a1f1a")
    c.disc(c.rng.uniform(400, 800), c.rng.uniform(300, 600), 7, "#ffffff")


def bicycle(c: Canvas) -> None:
    wall, frame = c.pick("#d9b98a", "#b9c6b4", "#c98f7a", "#a9b9c4"), c.pick("#2f6a5e", "#b5362f", "#2d4a6a", "#d9a53a")
    c.rect(0, 0, 1200, 620, wall)
    for row in range(10):
        for column in range(11):
            c.rect(column * 120 - (row % 2) * 60, row * 62, 116, 58, mix(wall, dark(wall), c.rng.random() * 0.35))
    c.rect(0, 616, 1200, 284, c.mood.lit("#9a9389"))
    for x in (380, 820):
        c.ring(x, 600, 140, "#22242a", 12)
        c.ring(x, 600, 126, "#c9c9c4", 3)
        for i in range(12):
            a = i * math.pi / 6
            c.line(x, 600, x + 126 * math.cos(a), 600 + 126 * math.sin(a), "#d6d6d0", 1.6)
    c.path("M380 600L500 400H760L580 600ZM500 400L580 600M480 360L500 400M820 600L740 340", stroke=frame, width=14)
    c.path("M740 340L700 316H780", stroke="#22242a", width=10)
    c.rect(436, 346, 96, 20, "#4a3322", 10)
    c.rect(760, 360, 130, 92, c.mood.lit("#b08a55"), 8)
    for _ in range(20):
        c.disc(
            c.rng.uniform(770, 880),
            c.rng.uniform(318, 360),
            c.rng.uniform(12, 22),
            c.pick("#c9402f", "#f0c040", "#6f9a55", "#efe6d2"),
        )


def mountain(c: Canvas) -> None:
    sky(c, 620)
    for row in range(3):
        base, tone = 560 + row * 90, mix(c.mood.lit("#56657a"), c.mood.sky[2], 0.55 - row * 0.22)
        for _ in range(4):
            x, w, h = c.rng.uniform(-100, 1300), c.rng.uniform(260, 420), c.rng.uniform(240, 430) - row * 70
            c.poly([(x - w, base + 80), (x, base - h), (x + w, base + 80)], tone)
            c.poly(
                [(x - w * 0.22, base - h * 0.74), (x, base - h), (x + w * 0.2, base - h * 0.76), (x, base - h * 0.68)],
                "#f4f6f7",
                0.9,
            )
    c.rect(0, 720, 1200, 180, c.mood.lit(c.mood.ground))
    for _ in range(24):
        fir(c, c.rng.uniform(0, 1200), c.rng.uniform(730, 860), c.rng.uniform(80, 150))
    fall(c)


def garden(c: Canvas) -> None:
    sky(c, 330)
    hills(c, 340, "#5f8a57", 70, 2)
    c.rect(0, 350, 1200, 550, c.mood.lit(c.mood.ground))
    for bed in range(4):
        y = 430 + bed * 118
        c.poly(
            [(120 - bed * 40, y), (1080 + bed * 40, y), (1110 + bed * 40, y + 74), (90 - bed * 40, y + 74)],
            c.mood.lit("#5f4632"),
        )
        kind, tone = bed % 3, c.pick("#6f9a44", "#4f7f45", "#8fb04f")
        for i in range(22):
            x = 110 - bed * 30 + i * (980 + bed * 60) / 21
            for k in range(4):
                c.oval(x + (k - 1.5) * 8, y + 18 - k % 2 * 14, 9, 17, mix(tone, "#2c4a2a", 0.14 * k))
            if kind == 1:
                c.disc(x, y + 26, 11, c.pick("#d9432f", "#e8722f"))
            elif kind == 2:
                c.oval(x, y + 22, 16, 13, c.pick("#8a3f6b", "#b7c98a"))
    person(c, c.rng.uniform(300, 900), 420, 150, c.pick(*CLOTHES))
    c.path("M1010 350V250L1070 210L1130 250V350Z", c.mood.lit("#8a5a3c"))
    c.rect(1052, 280, 38, 70, c.mood.lit("#5b3a28"))


def canal(c: Canvas) -> None:
    sky(c, 300)
    terrace(c, 520, 190, 300)
    water(c, 520, "#4f7a78")
    for x in range(30, 1200, 190):
        tree(c, x + c.rng.uniform(-20, 20), 526, 170)
    hull = c.pick("#7a2f2c", "#2d4a6a", "#2f5f52")
    c.path("M240 690H940L900 780H280Z", hull)
    c.rect(340, 610, 430, 84, c.mood.lit("#e6d6b4"), 8)
    for i in range(5):
        c.disc(395 + i * 80, 650, 23, c.mood.lit("#5b7480"))
    for x in range(300, 900, 66):
        c.disc(x, 690, 13, c.pick("#c9402f", "#e58fa3", "#f0c040"))
    fall(c)


def ducks(c: Canvas) -> None:
    water(c, 0, "#5f8f8a")
    for _ in range(14):
        x, y = c.rng.uniform(0, 1000), c.rng.uniform(0, 1000)
        c.oval(x, y, 50, 24, c.mood.lit("#6f9a55"), 0.8)
    for i in range(c.rng.randint(4, 7)):
        with c.moved(200 + i * 110, 640 - i * 60 + c.rng.uniform(-40, 40), 1.5 if i == 0 else 0.8):
            back = c.pick("#8a6a4a", "#e8c04a", "#d9c9a8")
            c.path("M-110 34q110 26 220 0", stroke="#d9f0ee", width=4, alpha=0.6)
            c.path("M-70 0Q-40 46 40 34Q84 10 66 -24Q20 -40 -30 -14Z", back)
            c.disc(64, -52, 27, c.mood.lit("#2f6a4e") if i == 0 else back)
            c.poly([(86, -58), (122, -46), (86, -40)], "#e59a2f")
            c.disc(70, -58, 4, "#141414")


def beach(c: Canvas) -> None:
    sky(c, 330)
    water(c, 330, "#4f8fa3")
    c.path("M0 620Q300 560 620 610T1200 580V900H0Z", c.mood.lit("#e6d3a3"))
    for i in range(5):
        x, tone = 90 + i * 150, c.pick("#b5362f", "#2d6a8a", "#d9a53a", "#3f7a5a")
        c.rect(x, 470, 104, 130, "#f6efe0")
        for k in range(0, 104, 26):
            c.rect(x + k, 470, 13, 130, tone)
        c.poly([(x - 10, 472), (x + 52, 408), (x + 114, 472)], dark(tone, 0.2))
    for _ in range(6):
        person(c, c.rng.uniform(700, 1150), c.rng.uniform(650, 840), c.rng.uniform(70, 100))
    c.path("M880 200q16 -18 32 0q16 -18 32 0M980 150q12 -14 24 0q12 -14 24 0", stroke="#40485a", width=4)


def wheel(c: Canvas) -> None:
    c.fill(*c.mood.sky)
    c.rect(0, 930, 1000, 70, c.mood.lit("#4a4454"))
    for side in (-1, 1):
        c.line(500, 470, 500 + side * 190, 940, c.mood.lit("#e6dcc8"), 14)
    for r in (350, 320, 120):
        c.ring(500, 470, r, c.mood.lit("#e6dcc8"), 6)
    turn = c.rng.uniform(0, 0.5)
    for i in range(14):
        a = turn + i * math.pi / 7
        x, y = 500 + 350 * math.cos(a), 470 + 350 * math.sin(a)
        c.line(500, 470, x, y, c.mood.lit("#cfc4b0"), 3)
        c.rect(x - 34, y + 6, 68, 46, c.rng.choice(CLOTHES), 14)
        c.glow(x, y, 40, "#ffdf8c", 0.8)
    for i in range(5):
        c.poly(
            [(60 + i * 190, 940), (120 + i * 190, 850), (180 + i * 190, 940)], c.pick("#b5362f", "#d9a53a", "#2d6a5a")
        )


def alley(c: Canvas) -> None:
    c.fill(*c.mood.sky)
    for side in (0, 1):
        for i in range(4):
            x0, x1 = i * 110, i * 110 + 112
            tone = dark(c.pick("#b98a6a", "#a9746a", "#8a8f9c", "#c2a878"), 0.14 * (i % 2))
            top, low = 60 + i * 110, 1200 - i * 120
            points = [(x0, top), (x1, top + 100), (x1, low - 120), (x0, low)]
            c.poly(points if side == 0 else [(960 - x, y) for x, y in points], tone)
            for k in range(4):
                wx = x0 + 34 if side == 0 else 960 - x0 - 78
                glass = "#f7d98c" if c.rng.random() < 0.6 else "#3b4652"
                c.rect(wx, top + 150 + k * (170 - i * 22), 44, 74 - i * 8, glass, 3)
    c.poly([(0, 1200), (440, 760), (520, 760), (960, 1200)], c.shade(c.mood.lit("#8b8a8e"), c.mood.lit("#5f5d63")))
    for x, y in ((210, 520), (720, 560), (330, 640)):
        c.rect(x - 12, y, 24, 34, "#f7d98c", 4)
        c.glow(x, y + 14, 150, "#f7c96c", 0.55)
    person(c, 480, 900, 130)
    fall(c)


def snowman(c: Canvas) -> None:
    sky(c, 560)
    hills(c, 600, "#9fb0b8", 90)
    c.rect(0, 580, 1000, 420, c.shade("#eef3f5", "#cfdbe2"))
    for x in (110, 240, 820, 930):
        fir(c, x, 640 + c.rng.uniform(-20, 30), c.rng.uniform(220, 320))
    for y, r in ((820, 140), (640, 100), (510, 70)):
        c.disc(500, y, r, "#fbfdfd")
        c.oval(500 + r * 0.3, y + r * 0.2, r * 0.62, r * 0.72, "#c6d5df", 0.35)
    c.path("M400 640L270 560M600 640L730 540", stroke="#5c4636", width=10)
    c.poly([(500, 505), (600, 522), (500, 530)], "#e5862f")
    for x, y in ((476, 490), (526, 490), (500, 620), (500, 660), (500, 700)):
        c.disc(x, y, 9, "#23262c")
    scarf = c.rng.choice(CLOTHES)
    c.rect(432, 560, 140, 34, scarf, 16)
    c.rect(540, 570, 34, 120, dark(scarf, 0.15), 10)
    c.rect(430, 430, 140, 20, "#23262c")
    c.rect(456, 350, 90, 86, "#23262c")
    for _ in range(80):
        c.disc(c.rng.uniform(0, 1000), c.rng.uniform(0, 1000), c.rng.uniform(2, 6), "#ffffff", 0.9)


def kites(c: Canvas) -> None:
    sky(c, 700)
    hills(c, 720, "#7f9a5a", 90, 2)
    for _ in range(c.rng.randint(3, 5)):
        x, y = c.rng.uniform(120, 1080), c.rng.uniform(90, 430)
        foot = x + c.rng.uniform(-220, 220)
        c.path(
            f"M{x:.0f} {y + 90:.0f}Q{(x + foot) / 2 - 60:.0f} {(y + 820) / 2:.0f} {foot:.0f} 790",
            stroke="#40485a",
            width=2,
        )
        one, two = c.rng.sample(CLOTHES, 2)
        with c.moved(x, y, 1, c.rng.uniform(-25, 25)):
            c.poly([(0, -80), (56, 0), (0, 100), (-56, 0)], one)
            c.poly([(0, -80), (56, 0), (0, 0)], two)
            c.poly([(0, 100), (-56, 0), (0, 0)], two)
            for k in range(4):
                c.poly([(0, 110 + k * 34), (18, 124 + k * 34), (-18, 124 + k * 34)], two)
        person(c, foot, 850, 130)


def fields(c: Canvas) -> None:
    sky(c, 400)
    hills(c, 420, "#71946a", 100)
    crop = c.mood.lit(
        {"spring": "#a9c069", "summer": "#e0bd5a", "autumn": "#a9824f", "winter": "#e4eaec"}[c.mood.season]
    )
    c.rect(0, 430, 1200, 470, crop)
    for i in range(19):
        x = -600 + i * 133
        c.poly(
            [(600 + (x - 600) * 0.12, 430), (604 + (x - 600) * 0.12, 430), (x + 40, 900), (x, 900)],
            dark(crop, 0.22),
            0.7,
        )
    for place in steps(1200, 9):
        tree(c, place + c.rng.uniform(-40, 40), 440, c.rng.uniform(60, 110))
    c.path("M590 430Q560 620 700 900H900Q700 620 612 430Z", c.mood.lit("#d9c7a0"))
    person(c, 640, 620, 80)
    fall(c)


def balloons(c: Canvas) -> None:
    sky(c, 800)
    hills(c, 860, "#5f8a68", 120)
    for _ in range(c.rng.randint(3, 6)):
        cloth, second = c.rng.sample(CLOTHES, 2)
        with c.moved(c.rng.uniform(120, 880), c.rng.uniform(150, 620), c.rng.uniform(0.45, 1.25)):
            c.path("M-100 -10A100 104 0 1 1 100 -10Q86 70 26 120H-26Q-86 70 -100 -10Z", cloth)
            c.path("M-36 -112Q-66 0 -14 120H14Q66 0 36 -112Q0 -122 -36 -112Z", second)
            c.path("M-24 122L-16 160M24 122L16 160", stroke="#3a2c22", width=3)
            c.rect(-20, 158, 40, 30, "#8a623f", 5)
