"""Who lives in the demo's town: sixty invented accounts of the invented town of Linden.

One line each: handle | name | look, or the emblem of an organisation | language | interests | a few words.
Interests decide who follows whom. None of these people exists.
"""

from typing import NamedTuple

from freehold.cli.demo.faces import Look

_PEOPLE = """
courier | The Linden Courier | columns | en | news town trams | News of Linden since 1911, written by people who live here. Tell us what we missed.
amina | Amina | scarf plain 3 0 | en | photos market river town | Early mornings, market stalls, the north bank. I photograph the town for the Courier and for my grandmother.
choir | Northside Choir | arcs | en | music town | Four voices, sixty people, one cold hall. We rehearse on Tuesdays and the doors stay open.
rovers | Linden Rovers | shield | en | football town | Red and white since before the bridge had lamps. Owned by its supporters.
leila | Leïla | cloud plain 4 0 | en | music town food | Night nurse, second alto. I know every vending machine in this town.
library | Linden Town Library | book | en | books history children | Open until eight, on Sundays too. No fines since spring.
tomas | Tomás | short plain 2 0 | en | trams town history | I write down tram numbers and what the drivers tell me.
claire | Claire | long plain 0 3 | fr | music french food | Chorale le mardi, marché le samedi. Je cherche toujours des ténors.
sam | Sam | crop plain 5 0 | en | football cycling | Physio at the Rovers. Ask me about your knee, but not on Saturdays.
mei | Mei | bun plain 1 0 | en | food photos books | Pastry, patience, and a very small kitchen on Weaver Street.
fournil | Le Fournil du Quai | wheat | fr | food french market | Boulangerie sur le quai nord. Pain au levain, ouvert dès six heures, fermé le lundi.
oskar | Oskar | short glasses 0 6 | en | history books trams | Taught here for thirty-eight years. Some of you still owe me homework.
jonas | Jonas | short beard 0 2 | en | football crafts | Carpenter in the week, left back on Saturday, on the bench until the ankle agrees.
ines | Inês | bun earrings 2 1 | en | river sport photos | Stroke seat. The river at six is worth the alarm clock.
ruth | Ruth | bob glasses 1 4 | en | books crafts history | Librarian. I will find it, even if you only remember that the cover was blue.
townhall | Town of Linden | leaf | en | town news trams | Notices from the town hall, read and answered on weekdays.
noor | Noor | scarf glasses 2 0 | en | history town children | I teach history at the upper school and collect old street names.
pavel | Pavel | short moustache 1 2 | en | trams town music | Tram driver, line 4. Whistles in four languages.
greta | Greta | plait freckles 0 4 | en | garden food animals | Plot 31, next to the water tap. Too many courgettes, please help.
hugo | Hugo | side beard 1 2 | fr | market food french | Fromager au marché. Goûtez avant de parler.
adaeze | Adaeze | curls earrings 5 0 | en | cycling town sport | Doctor, commuter, in favour of kerbs that end where they should.
bram | Bram | cap beard 1 2 | en | cycling crafts | I mend bicycles behind the station. If it rattles, I have probably met it.
rowers | Linden Rowing Club | oars | en | river sport | Eights, fours and people who have never held an oar. Learn to row every spring.
yuki | Yuki | bob plain 1 0 | en | music film books | Violin in the pit, violin at weddings, violin when the neighbours allow it.
marek | Marek | crop moustache 1 2 | en | football children | Coach of the under-twelves. We lose with style and eat oranges.
lucie | Lucie | side freckles 0 3 | fr | photos french film | Dessinatrice. Je croque les gens dans le tram, pardon d'avance.
dele | Dele | bald beard 5 0 | en | food town music | Soup on Thursdays at the old chapel, for anyone who is hungry or lonely or nosy.
astrid | Astrid | plait plain 0 6 | en | crafts animals mountains | Six sheep, two looms, one opinion about acrylic.
farid | Farid | short beard 3 0 | en | market food | Spices, stall 14. I will talk you out of ready-made curry powder.
kofi | Kofi | crop plain 4 0 | en | football music | Number nine. I also sing, but the dressing room has asked me to stop.
allotments | Linden Allotment Society | flower | en | garden town | One hundred and twelve plots between the canal and the railway. The waiting list is shorter than you fear.
elena | Elena | long glasses 1 7 | en | music children | Piano lessons for ages six to eighty-one. The eighty-one practises most.
wim | Wim | cap moustache 0 5 | en | river history animals | I live on a boat called Patience and she has needed all of it.
nadia | Nadia | cloud earrings 2 1 | en | film books | I choose the films at the Lux, so you know whom to blame.
theo | Théo | curls glasses 0 2 | fr | chess french books | Étudiant, café, échecs. Je perds mais avec élégance.
rosa | Rosa | bun glasses 2 5 | en | food garden children | Grandmother of seven. Jam is a form of letter.
lux | Cinéma Lux | reel | en | film town french | Ninety-four seats, one screen, real tickets. Run by volunteers since the chain gave up.
ivo | Ivo | bald glasses 0 5 | en | crafts history trams | Clockmaker. The station clock is three minutes fast on purpose; do not write to me.
hanna | Hanna | bob freckles 1 4 | en | weather mountains children | Geography teacher with a rain gauge. I have opinions about clouds.
samuel | Samuel | short plain 3 0 | en | animals town | Walks Biscuit, or is walked. North bank, both ends.
mireille | Mireille | short earrings 1 5 | fr | food french music | Je fais le pain que vous mangez à sept heures. Couchée à vingt heures.
anton | Anton | short beard 1 5 | en | music crafts | Second bass and joiner. I lean on the low notes and the furniture.
repaircafe | Repair Café Linden | spanner | en | crafts town | Bring it broken, take it home working, stay for cake. First and third Saturday.
priya | Priya | plait glasses 3 0 | en | children books garden | Thirty six-year-olds and one guinea pig. Year two, Canal School.
lars | Lars | cap freckles 0 4 | en | mountains sport photos | If I do not answer I am above the tree line.
zofia | Zofia | long plain 0 4 | en | history museum | I dig. Mostly paperwork, sometimes Romans.
omar | Omar | crop beard 3 0 | en | town trams music | Night taxi. I have heard your stories and I will not repeat them. Mostly.
tramways | Linden Tramways | tram | en | trams town news | Five lines, sixty-one trams. Disruptions first, everything else after.
beatriz | Beatriz | curls plain 2 1 | en | theatre music film | I teach dance to children and patience to their parents.
finn | Finn | side beard 0 4 | en | children food football | Father of twins. Typing with one hand.
agathe | Agathe | curls glasses 0 6 | fr | garden french crafts | Mon jardin, mes rosiers, mes petits-enfants, dans cet ordre le dimanche.
levi | Levi | side moustache 1 5 | en | crafts music history | Old radios. They all still want to sing, you just have to ask.
museum | Museum of the Bridge | bridge | en | history museum town | Seven hundred years of crossing the river, in five rooms and a cellar.
chidi | Chidi | short glasses 5 0 | en | books history chess | Reads on trams, misses stops.
solveig | Solveig | bob plain 0 6 | en | sport river weather | I swim in the river all year. Yes, then too.
piet | Piet | bald moustache 0 4 | en | garden animals food | Eleven hives behind the cemetery. The bees are better neighbours than most.
maryam | Maryam | scarf plain 2 0 | en | books french theatre | Poems, short ones, mostly on the backs of receipts.
jules | Jules | cap plain 1 2 | fr | cycling french town | Facteur à vélo. Je connais vos chiens par leur prénom.
nina | Nina | bun freckles 0 3 | en | animals cycling | Vet. Your cat is not on a diet, you just think so.
emil | Emil | crop freckles 1 4 | en | football chess music | Sixteen, goalkeeper, taller than last month.
"""  # noqa: E501


class Person(NamedTuple):
    """An account of the demo: a member, or an organisation with an emblem."""

    handle: str
    name: str
    look: Look | None
    emblem: str | None
    language: str
    interests: frozenset[str]
    about: str


def _read(line: str) -> Person:
    handle, name, drawn, language, interests, about = (part.strip() for part in line.split("|", 5))
    words = drawn.split()
    look = Look(words[0], words[1], int(words[2]), int(words[3])) if len(words) == 4 else None
    return Person(handle, name, look, None if look else drawn, language, frozenset(interests.split()), about)


PEOPLE = tuple(_read(line) for line in _PEOPLE.strip().splitlines())
