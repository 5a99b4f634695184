"""Scenes of home, workshop, stage and stand."""

import math

from freehold.cli.demo.canvas import Canvas, dark, light, mix
from freehold.cli.demo.motifs import CLOTHES, SKIN, shadow, table


def bread(c: Canvas) -> None:
    table(c, 610)
    shadow(c, 520, 770, 400)
    c.rect(150, 690, 700, 60, "#d3a777", 26)
    for _ in range(c.rng.randint(1, 2)):
        crust = c.rng.choice(("#b9783f", "#a5632f", "#c98f4f"))
        x = c.rng.uniform(-40, 40)
        c.path(
            f"M{210 + x:.0f} 690Q{190 + x:.0f} 450 {470 + x:.0f} 430Q{760 + x:.0f} 430 {770 + x:.0f} 690Z",
            c.shade(light(crust, 0.35), dark(crust, 0.3)),
        )
        for i in range(4):
            c.path(f"M{330 + i * 105 + x:.0f} {490 - i % 2 * 8}q-60 60 -42 150q44 -50 82 -142z", "#f6deb0", alpha=0.85)
    for _ in range(c.rng.randint(2, 4)):
        fruit(c, c.rng.uniform(700, 920), c.rng.uniform(730, 850), 66, "#e9c52f")
    c.path("M120 560q-20 120 10 200h120q30 -80 10 -200z", c.rng.choice(("#7fa3a6", "#a9604a", "#d9cbb0")))


def fruit(c: Canvas, x: float, y: float, r: float, tone: str) -> None:
    """A round fruit on a table."""
    shadow(c, x + 12, y + r * 0.9, r)
    c.oval(x, y, r, r * 0.9, c.shade(light(tone, 0.4), dark(tone, 0.22)))
    c.line(x, y - r * 0.85, x + 6, y - r * 1.15, "#5c4636", 6)


def bowl(c: Canvas) -> None:
    table(c, 560)
    tone = c.rng.choice(("#d9432f", "#e8a22f", "#7d9a3a", "#8a3f6b", "#e9c52f"))
    shadow(c, 500, 870, 330)
    for x, y in ((360, 560), (500, 520), (640, 560), (430, 600), (570, 600)):
        fruit(c, x + c.rng.uniform(-14, 14), y, 92, mix(tone, c.rng.choice(("#d9432f", "#e8a22f", "#7d9a3a")), 0.3))
    dish = c.rng.choice(("#e8dfca", "#3d5d84", "#2f6a5e", "#b9694a"))
    c.path("M190 600H810Q790 850 600 866H400Q210 850 190 600Z", c.shade(light(dish, 0.25), dark(dish, 0.25)))
    c.path("M230 680Q500 730 770 680", stroke=light(dish, 0.5), width=8)


def soup(c: Canvas) -> None:
    table(c, 240)
    for x, r in ((380, 210), (820, 170)):
        y = 560 if x < 500 else 480
        shadow(c, x + 20, y + r * 0.5, r * 1.1)
        c.oval(x, y, r, r * 0.72, "#efe7d6")
        c.oval(x, y, r * 0.82, r * 0.56, c.rng.choice(("#d9822f", "#b5432f", "#7d9a4a", "#c9a24a")))
        for _ in range(14):
            a, away = c.rng.uniform(0, 6.3), c.rng.uniform(0, r * 0.6)
            c.oval(
                x + away * math.cos(a),
                y + away * 0.6 * math.sin(a),
                11,
                7,
                c.rng.choice(("#4f7f45", "#f3ead2", "#d9432f")),
            )
        for k in (-60, 0, 60):
            c.path(f"M{x + k} {y - 170}q30 -50 0 -100t0 -100", stroke="#ffffff", width=9, alpha=0.28)
    c.rect(560, 640, 16, 210, "#c9ccd0", 8)
    c.oval(568, 640, 30, 46, "#d6d9dc")


def kitchen(c: Canvas) -> None:
    wall = c.rng.choice(("#8fb0a6", "#d9c08a", "#c99a8a", "#a9b9c4"))
    c.fill(wall)
    for row in range(6):
        for column in range(12):
            c.rect(column * 100 + 3, 240 + row * 60, 94, 54, light(wall, c.rng.uniform(0.3, 0.55)), 4)
    c.rect(0, 200, 1200, 22, "#8a623f")
    for i in range(9):
        x, h = 60 + i * 126, c.rng.uniform(70, 120)
        c.rect(x, 200 - h, 70, h, c.rng.choice(("#d9cbb0", "#a9604a", "#3d5d84", "#e9dcc0", "#6f8a55")), 14)
    c.rect(0, 600, 1200, 40, "#e6dac2")
    c.rect(0, 640, 1200, 260, c.rng.choice(("#4a6a6a", "#6a4a44", "#40506a")))
    for x in (330, 640):
        pan = c.rng.choice(("#b5362f", "#2d4a6a", "#c98a3a", "#3f6b52"))
        c.rect(x, 460, 220, 140, c.shade(light(pan, 0.25), dark(pan, 0.2)), 20)
        c.rect(x - 30, 490, 280, 20, dark(pan, 0.4), 10)
        c.oval(x + 110, 460, 112, 20, dark(pan, 0.15))
        c.path(f"M{x + 110} 430q34 -50 0 -100t0 -100", stroke="#ffffff", width=12, alpha=0.35)
    for i in range(5):
        c.line(900 + i * 50, 222, 900 + i * 50, 290, "#5b5b5b", 5)
        c.oval(900 + i * 50, 330, 20, 44, c.rng.choice(("#c9a24a", "#b0b4b8", "#8a5a3c")))


def cake(c: Canvas) -> None:
    table(c, 640)
    cream = c.rng.choice(("#f6e6d6", "#f0c9cf", "#6a4230", "#dfe6c4"))
    shadow(c, 500, 850, 360)
    c.oval(500, 820, 340, 54, "#e8ecec")
    c.rect(250, 560, 500, 250, c.shade(light(cream, 0.3), dark(cream, 0.16)), 16)
    c.oval(500, 565, 250, 52, light(cream, 0.4))
    for x in range(255, 750, 55):
        c.rect(x, 560, 40, c.rng.uniform(60, 140), light(cream, 0.55), 20)
    for i in range(12):
        a = i * math.pi / 6
        c.disc(500 + 205 * math.cos(a), 560 + 38 * math.sin(a), 24, c.rng.choice(("#c4332c", "#8a2f4a", "#d9604a")))
    for i in range(c.rng.randint(3, 7)):
        x = 380 + i * 42
        c.rect(x, 440, 13, 110, c.rng.choice(CLOTHES))
        c.oval(x + 6, 424, 9, 17, "#f7c64a")
        c.glow(x + 6, 424, 60, "#ffe09a", 0.6)


def coffee(c: Canvas) -> None:
    table(c, 60)
    saucer = c.rng.choice(("#f0e9da", "#3d5d84", "#b9694a", "#dfe6c4"))
    shadow(c, 520, 620, 330)
    c.disc(500, 520, 300, saucer)
    c.disc(500, 520, 286, light(saucer, 0.3))
    c.ring(760, 420, 66, dark(saucer, 0.1), 26)
    c.disc(500, 520, 200, dark(saucer, 0.05))
    c.disc(500, 520, 182, "#6a4228")
    c.path(
        "M500 660C390 590 380 460 450 440C484 430 500 460 500 480C500 460 516 430 550 440C620 460 610 590 500 660Z",
        "#ecd9b4",
    )
    c.rect(760, 640, 150, 110, "#b9783f", 24)
    c.rect(120, 760, 300, 18, "#c9ccd0", 9)


def jars(c: Canvas) -> None:
    table(c, 640)
    c.rect(0, 330, 1200, 26, "#7a5436")
    for row, base in enumerate((330, 720)):
        for i in range(6):
            x, jam = 90 + i * 180 + row * 20, c.rng.choice(("#8a2f3a", "#d9822f", "#5b2f5a", "#c9a02f", "#7d9a3a"))
            c.rect(x, base - 190, 130, 190, c.shade(light(jam, 0.35), dark(jam, 0.15)), 22)
            c.rect(x + 6, base - 222, 118, 42, c.rng.choice(("#b5362f", "#e9dcc0", "#3d5d84", "#6f8a55")), 8)
            c.rect(x + 24, base - 120, 82, 60, "#f6efe0", 4)
            c.rect(x + 14, base - 176, 10, 150, "#ffffff", 5, 0.35)


def cat(c: Canvas) -> None:
    c.fill(*c.mood.sky)
    for _ in range(9):
        c.disc(c.rng.uniform(0, 1000), c.rng.uniform(300, 620), c.rng.uniform(60, 120), c.pick(*c.mood.leaves), 0.7)
    frame = "#e9dfca"
    for x, y, w, h in ((0, 0, 1000, 50), (0, 0, 60, 760), (940, 0, 60, 760), (480, 0, 40, 720), (0, 700, 1000, 70)):
        c.rect(x, y, w, h, frame)
    c.rect(0, 770, 1000, 230, c.rng.choice(("#b98a6a", "#7d8f88", "#a9746a")))
    fur, seat = c.rng.choice(("#3a3436", "#c9803f", "#b9b2a8", "#e6dac8", "#6a5a50")), c.rng.uniform(300, 640)
    with c.moved(seat, 700):
        c.path("M120 -20Q260 -20 230 90Q220 150 180 130Q200 30 90 10Z", dark(fur, 0.15))
        c.path("M-110 0Q-130 -200 0 -250Q130 -200 130 0Z", fur)
        c.disc(0, -280, 84, fur)
        for side in (-1, 1):
            c.poly([(side * 78, -300), (side * 66, -400), (side * 16, -352)], fur)
            c.poly([(side * 66, -318), (side * 60, -376), (side * 28, -346)], "#d99a92")
            c.oval(side * 32, -286, 13, 16, "#c9c04a")
            c.oval(side * 32, -286, 4, 14, "#141414")
            c.path(f"M{side * 30} -250l{side * 80} -12M{side * 30} -242l{side * 80} 8", stroke=light(fur, 0.6), width=2)
        c.poly([(-10, -262), (10, -262), (0, -250)], "#c9706a")
        for k in range(4):
            c.path(f"M-60 {-190 + k * 44}q60 20 120 0", stroke=dark(fur, 0.3), width=9, alpha=0.5)


def dog(c: Canvas) -> None:
    wall, fur = (
        c.rng.choice(("#c9b08a", "#8fa6a0", "#b58f86")),
        c.rng.choice(("#7a5436", "#d9c09a", "#2f2b2c", "#b97a44")),
    )
    c.fill(light(wall, 0.2), wall)
    c.oval(500, 850, 430, 90, c.rng.choice(CLOTHES))
    c.path("M220 850Q210 560 420 540H640Q800 580 790 850Z", fur)
    c.path("M300 860q0 -120 60 -150v150zM620 860q0 -120 60 -150v150z", light(fur, 0.15))
    c.oval(500, 420, 180, 170, fur)
    c.oval(500, 490, 100, 84, light(fur, 0.35))
    for side in (-1, 1):
        c.path(
            f"M{500 + side * 140} 300Q{500 + side * 270} 320 {500 + side * 220} 540"
            f"Q{500 + side * 150} 520 {500 + side * 120} 360Z",
            dark(fur, 0.25),
        )
        c.disc(500 + side * 70, 390, 20, "#1c1714")
        c.disc(500 + side * 64, 383, 6, "#ffffff")
    c.oval(500, 460, 34, 24, "#1c1714")
    c.path("M500 484q-30 50 -64 30M500 484q30 50 64 30", stroke="#1c1714", width=6)
    c.path("M470 520q30 70 60 0z", "#d9706a")
    c.rect(390, 560, 220, 30, c.rng.choice(CLOTHES), 14)


def knitting(c: Canvas) -> None:
    table(c, 90)
    wool = c.rng.sample(CLOTHES, 3)
    for i, tone in enumerate(wool):
        x, y, r = 230 + i * 270, 720 - (i % 2) * 130, 150
        shadow(c, x + 14, y + r * 0.9, r)
        c.disc(x, y, r, tone)
        for k in range(-4, 5):
            c.path(
                f"M{x + k * 26 - 60} {y - 120}q{70 - k * 9} 120 {60 + k * 6} 236",
                stroke=dark(tone, 0.25),
                width=6,
                alpha=0.6,
            )
    piece = wool[0]
    c.rect(220, 180, 520, 300, piece, 8)
    for row in range(9):
        for column in range(17):
            x, y = 230 + column * 30, 196 + row * 32
            other = wool[1] if (row + column) % 4 == 0 else light(piece, 0.18)
            c.path(f"M{x} {y}l12 20l12 -20", stroke=other, width=6)
    c.line(150, 180, 860, 150, "#d9c09a", 14)
    c.line(500, 470, 232, 640, piece, 6)


def books(c: Canvas) -> None:
    table(c, 700)
    y, turn = 790.0, 0.0
    for _ in range(c.rng.randint(5, 8)):
        w, h, tone = c.rng.uniform(420, 620), c.rng.uniform(52, 84), c.rng.choice((*CLOTHES, "#5a3d2e"))
        with c.moved(500 + turn, y - h):
            c.rect(-w / 2, 0, w, h, tone, 5)
            c.rect(-w / 2 + 14, 0, 10, h, light(tone, 0.45))
            c.rect(w / 2 - 30, 6, 30, h - 12, "#efe6d2")
        y, turn = y - h, c.rng.uniform(-34, 34)
    c.oval(520, y - 20, 110, 24, "#e9e2d4")
    c.rect(440, y - 110, 150, 96, c.rng.choice(CLOTHES), 18)
    c.ring(606, y - 64, 28, "#e9e2d4", 12)


def library(c: Canvas) -> None:
    wood = c.rng.choice(("#4a3020", "#5c4030", "#3a2a24"))
    c.fill(wood)
    for shelf in range(5):
        x, base = 14.0, 190 + shelf * 200
        while x < 980:
            w, h = c.rng.uniform(16, 42), c.rng.uniform(110, 166)
            tone = c.rng.choice(("#8a2f2a", "#2d4a5e", "#c9a24a", "#e6dac2", "#3f5a44", "#6d4a6a", "#c9744a"))
            if x + w < 986:
                c.rect(x, base - h, w, h, dark(tone, c.rng.uniform(0, 0.25)), 2)
                c.rect(x + 3, base - h * 0.82, w - 6, h * 0.07, light(tone, 0.5))
            x += w + c.rng.choice((1, 1, 2, 12))
        c.rect(0, base, 1000, 16, light(wood, 0.22))
    c.poly([(0, 0), (420, 0), (0, 620)], "#ffe9b8", 0.1)


def choir(c: Canvas) -> None:
    c.fill(
        *c.rng.choice(
            (("#f6cf8c", "#a7592f", "#2d1418"), ("#cfd8e6", "#5b6f94", "#1a2036"), ("#f0d9b0", "#8a7a4a", "#26261a"))
        )
    )
    for i in range(19):
        h = 300 - abs(i - 9) * 18
        c.rect(90 + i * 55, 420 - h, 30, h + 60, c.shade("#e6c07a", "#9a6a3a", across=True), 8)
    gown = c.rng.choice(("#241a38", "#5a1f2a", "#1f3a3a", "#30303a"))
    for row in range(4):
        for i in range(11 + row):
            x, y = (i + 0.5 + (row % 2) * 0.1) * 1200 / (11 + row), 440 + row * 118 + c.rng.uniform(-6, 6)
            c.path(
                f"M{x - 46:.0f} {y + 130:.0f}q0 -104 46 -108q46 4 46 108Z",
                gown,
            )
            c.disc(x, y, 23, c.rng.choice(SKIN))
            c.path(
                f"M{x - 24:.0f} {y:.0f}a24 25 0 0 1 48 0q-24 -16 -48 0z",
                c.rng.choice(("#1d1714", "#5a3d26", "#b98d52", "#d6d2ca", "#8d3b22")),
            )
            c.oval(x, y + 10, 4.5, 6.5, "#6a2a2a")
            c.poly(
                [(x - 30, y + 44), (x, y + 52), (x + 30, y + 44), (x + 30, y + 74), (x, y + 82), (x - 30, y + 74)],
                "#f6efe0",
            )


def score(c: Canvas) -> None:
    c.fill("#f3e9d2", "#e6d8b8")
    c.poly([(0, 0), (600, 0), (0, 700)], "#ffffff", 0.3)
    for staff in range(5):
        y = 120 + staff * 180
        for k in range(5):
            c.line(60, y + k * 16, 940, y + k * 16, "#3a342c", 1.6)
        c.path(
            f"M92 {y + 88}q-22 -60 10 -70q24 4 14 30q-22 16 -28 -10q8 -40 26 -70q-14 -8 -16 24l10 78",
            stroke="#22201d",
            width=5,
        )
        for i in range(13):
            x, step = 170 + i * 60, c.rng.randint(0, 8)
            low = y + 64 - step * 8
            with c.moved(x, low, turn=-20):
                c.oval(0, 0, 12, 8.5, "#22201d")
            c.line(x + 11, low, x + 11, low - 58, "#22201d", 3)
            if i % 3 == 0:
                c.path(f"M{x + 11} {low - 58}q22 14 16 36", stroke="#22201d", width=4)
    c.ring(c.rng.uniform(300, 800), c.rng.choice((150, 330, 510, 690)), 62, "#c4332c", 6)
    with c.moved(880, 900, turn=-34):
        c.rect(-160, -12, 260, 24, "#e0a52f")
        c.poly([(-160, -12), (-160, 12), (-204, 0)], "#f0d9b0")


def crowd(c: Canvas) -> None:
    one, two = c.rng.choice(("#b5302c", "#a62a34", "#c23f30")), "#f3ebdf"
    c.fill(dark(one, 0.45))
    for row in range(14):
        y = 70 + row * 72
        size = 26 + row * 1.9
        for i in range(24 - row // 2):
            x = (i + c.rng.uniform(0.2, 0.8)) * 1000 / (24 - row // 2)
            coat = c.rng.choice((one, one, two, dark(one, 0.3), "#2a2c34"))
            c.rect(x - size * 0.75, y + size * 0.7, size * 1.5, size * 2, coat, size * 0.6)
            c.disc(x, y, size * 0.56, c.rng.choice(SKIN))
            if c.rng.random() < 0.2:
                c.line(x + size * 0.6, y + size, x + size, y - size * 1.3, coat, size * 0.36)
    for _ in range(120):
        with c.moved(c.rng.uniform(0, 1000), c.rng.uniform(0, 1000), turn=c.rng.uniform(0, 90)):
            c.rect(0, 0, 9, 16, c.rng.choice((one, two, "#ffffff")), 1)


def piano(c: Canvas) -> None:
    c.fill("#2a2022", "#171214")
    c.poly([(0, 0), (700, 0), (200, 560)], "#ffdf9c", 0.08)
    for i in range(14):
        c.rect(20 + i * 83, 420, 80, 430, c.shade("#fbf7ec", "#d9d2c2"), 6)
    for i in range(13):
        if i % 7 not in (2, 6):
            c.rect(78 + i * 83, 420, 48, 260, c.shade("#3a3438", "#0e0c0e"), 5)
    c.rect(0, 380, 1200, 44, c.rng.choice(("#6a1f2a", "#1f3a3a", "#4a3020")))
    for x in (260, 640):
        c.poly([(x, 60), (x + 340, 60), (x + 340, 370), (x, 370)], "#f3e9d2")
        for k in range(12):
            c.line(x + 24, 90 + k * 22 + (k // 4) * 6, x + 316, 90 + k * 22 + (k // 4) * 6, "#6a6258", 2)
        for _ in range(16):
            c.oval(x + c.rng.uniform(40, 300), c.rng.uniform(92, 340), 8, 6, "#22201d")


def chess(c: Canvas) -> None:
    pale, deep = c.rng.choice((("#ecd9b4", "#8a5a3c"), ("#e6e6da", "#4f6f5a"), ("#e6dac8", "#5b5f7a")))
    c.fill(dark(deep, 0.4))
    for row in range(8):
        for column in range(8):
            c.rect(60 + column * 110, 60 + row * 110, 110, 110, pale if (row + column) % 2 == 0 else deep)
    for cell in c.rng.sample(range(64), 20):
        x, y = 115 + cell % 8 * 110, 115 + cell // 8 * 110
        tone = c.rng.choice(("#f6efe0", "#22201d"))
        c.oval(x + 10, y + 34, 40, 16, "#1a120a", 0.4)
        c.path(
            f"M{x - 32} {y + 36}Q{x - 12} {y + 10} {x - 14} {y - 8}H{x + 14}Q{x + 12} {y + 10} {x + 32} {y + 36}Z", tone
        )
        c.disc(x, y - 18, 20, tone)
        c.ring(x, y - 18, 20, "#8a8072", 2, 0.6)


def stage(c: Canvas) -> None:
    cloth = c.rng.choice(("#8a1f2a", "#24406a", "#2f5a4a"))
    c.fill("#1a1418", "#2a2026")
    c.poly([(600, 0), (250, 760), (950, 760)], "#ffe9b0", 0.22)
    c.rect(0, 740, 1200, 160, c.shade("#7a5436", "#4a3020"))
    for x in range(0, 300, 50):
        for left in (x, 1150 - x):
            c.path(f"M{left} 0h50q14 380 -8 740h-44q-12 -380 2 -740z", dark(cloth, 0.3 * (x // 50 % 2)))
    c.path("M0 0H1200V110Q1050 190 900 110Q750 190 600 110Q450 190 300 110Q150 190 0 110Z", light(cloth, 0.08))
    for i in range(c.rng.randint(2, 4)):
        x, coat = 440 + i * 110, c.rng.choice(CLOTHES)
        c.oval(x, 770, 60, 12, "#140e10", 0.5)
        c.path(f"M{x - 46} 768Q{x - 40} 560 {x} 550Q{x + 40} 560 {x + 46} 768Z", coat)
        c.disc(x, 516, 36, c.rng.choice(SKIN))
        c.line(x + 30, 600, x + 84, 530 + c.rng.uniform(-30, 60), coat, 18)
    for x in range(30, 1200, 76):
        c.disc(x, 880, 44, "#0e0b0d")


def violin(c: Canvas) -> None:
    c.fill(c.rng.choice(("#2f4a4a", "#6a2f3a", "#8fa6a0", "#c9b08a")))
    wood = c.rng.choice(("#a9562a", "#8a4022", "#b9703a"))
    with c.moved(480, 560, 1.05, 32):
        c.path(
            "M-150 -90Q-170 -250 0 -255Q170 -250 150 -90Q110 -20 160 90"
            "Q200 300 0 310Q-200 300 -160 90Q-110 -20 -150 -90Z",
            c.shade(light(wood, 0.2), wood, dark(wood, 0.35), across=True),
        )
        c.rect(-22, -560, 44, 420, "#2a1a14", 8)
        c.disc(0, -590, 40, dark(wood, 0.3))
        c.rect(-60, 70, 120, 14, "#e6cfa0")
        c.path("M-26 110L-34 280H34L26 110Z", "#2a1a14")
        for k in (-12, -4, 4, 12):
            c.line(k, -556, k * 1.3, 180, "#e9e4da", 2)
        for side in (-1, 1):
            c.path(f"M{side * 82} -40q{side * 26} 50 0 100t{side * 4} 60", stroke="#22140e", width=8)
    c.line(120, 130, 880, 900, "#6a4030", 12)
    c.line(140, 118, 900, 888, "#f3ead7", 5)


def repair(c: Canvas) -> None:
    table(c, 250)
    c.rect(380, 360, 380, 290, c.rng.choice(("#c9a24a", "#8fb0a6", "#b5564a", "#e6dac2")), 40)
    c.disc(500, 500, 92, "#3a3430")
    for r in (70, 48, 26):
        c.ring(500, 500, r, "#8a8072", 5)
    for y in (420, 480, 540):
        c.disc(690, y, 24, "#f3ead7")
        c.line(690, y, 690 + c.rng.uniform(-14, 14), y - 20, "#3a3430", 5)
    c.line(560, 360, 700, 210, "#b0b4b8", 7)
    for i in range(6):
        x, y, turn = c.rng.choice((150, 880, 1000)) + i * 14, 420 + i * 66, c.rng.uniform(-30, 30)
        with c.moved(x, y, turn=turn):
            c.rect(-90, -9, 90, 18, c.rng.choice(("#b5362f", "#e0a52f", "#2d4a6a")), 8)
            c.rect(0, -5, 90, 10, "#c9ccd0")
    for _ in range(16):
        c.disc(c.rng.uniform(120, 1080), c.rng.uniform(700, 860), c.rng.uniform(7, 14), "#9aa0a6")


def screen(c: Canvas) -> None:
    c.fill("#140f16", "#1f1822")
    tone = c.rng.choice(("#f3e6c4", "#cfe0ea", "#f0cfc4"))
    c.poly([(240, 90), (960, 90), (960, 500), (240, 500)], tone)
    c.disc(c.rng.uniform(400, 800), 260, 70, light(tone, 0.6))
    c.path("M240 500V420Q400 330 560 400T960 380V500Z", dark(tone, 0.45))
    c.poly([(600, 900), (240, 500), (960, 500)], tone, 0.07)
    for row in range(4):
        for i in range(13):
            x, y = (i + 0.5 + row % 2 * 0.5) * 92, 610 + row * 90
            c.rect(x - 40, y, 80, 110, dark("#7a1f2a", 0.1 * row), 16)
            if c.rng.random() < 0.5:
                c.disc(x, y - 8, 28, "#0c090d")
                c.rect(x - 38, y + 16, 76, 60, "#0c090d", 22)
