"""What is said in the demo's town about the town: news, trams, the market, the river, the weather, the street.

The form of the text is explained in `words`.
"""

TALK = """
= courier @8 #night [tram]
Night trams are back on the north bank from Friday: three lines, every twenty minutes until two. #northbank We asked the drivers, the neighbours and the town hall what changes. The short answer: quieter rails, a later last stop, and forty cents more.
> tomas
So that is why they were polishing the rails along the quay. Three nights I lay awake guessing.
>> pavel
Those were the grinders. They start at one because that is when nobody is supposed to be awake, Tomás.
>> tomas
I am always awake when there is a works tram to be seen.
> leila
My shift ends at half past one. You have no idea what this means to my feet.
> omar
As a taxi driver I should be against it. As somebody who also wants to go home one day, I am for it.
>> leila
Nobody else plays old ballads at two in the morning, Omar. I will miss the concerts.
> adaeze
Good. Now the stops need light. Two of them on the quay are darker than my cellar.
>> townhall
Noted, and thank you: lamps for both are ordered. We will say here when they burn. #northbank

= tomas @21
Car 214 was on line 2 tonight, with the old wooden benches. I rode to the end and back and regret nothing.
> oskar
214! I proposed to my wife in 214. She said "this is our stop".
>> tomas
Mr Oskar, that is the best thing anybody has told me about rolling stock.
> pavel
She brakes like a dream and smells of wet dog. We love her.
> ivo
The bell in that car is pitched a little under A. I have checked it twice.

= tramways @6 #kettle
Line 3 turns at Station Square until nine: a delivery van has parked on the points. The driver has been found and is buying coffee for the crew.
> samuel
Walked instead. Biscuit approves of the disruption.
> jules fr
J'ai vu la camionnette. Le livreur était plus rouge que le tram.
> tramways @9
Running to plan again. The coffee was good.

= townhall @10
The fountain on the square is switched off for cleaning from Monday to Wednesday. If you have thrown a coin in and want your wish back, please come before ten.
> finn
The twins would like to know where the coins go.
>> townhall
To the swimming lessons for second-year pupils. It was four hundred and twelve last year.
>> priya
Confirmed. My class swims on wishes.
> noor
Under the basin there are stones from the old customs house. Could somebody take a picture while it is empty?
>> amina
I will be there at seven with the wide lens.
> museum
If one of them has a mason's mark like an arrow, please ring us at once. We are serious.

= amina @7 #lemons [market]
The stalls were open before the sun was, and somebody had already sold out of lemons.
> farid
That somebody was standing next to me, very pleased with himself.
> hugo fr
C'était pour le restaurant du pont. Tout le cageot. J'ai pleuré.
> rosa
I got six. They are marmalade now and they do not regret it.
> mei
I need four lemons before noon, I will trade a tart for them.
>> rosa
Come by. Bring the tart while it is warm.

= amina @7 [bridge]
The bridge, six fifty.
> wim
I was under it, on my second coffee, wondering who was up there in a green scarf.
> museum
Third pier from the left is the only one that is still fourteenth century. It is also the only one that never leaks.

= amina @8
I post one picture each morning, between six and eight. No filters, nobody who did not ask for it. If you are in one and want it gone, write to me and it will be gone everywhere.
> lucie fr
Règle parfaite. Je dessine les gens sans demander, j'ai encore à apprendre.
> maryam
A town photographed kindly behaves a little better, I think.

= courier @12 #stop
The council has put three places for the new north bank stop to the vote: by the school, by the lime trees, or at the old weigh house. You can vote until the end of the month in any library, with any letter that carries your name.
> agathe fr
Près des tilleuls, à condition qu'on n'en coupe aucun.
>> townhall
None is cut in any of the three plans. We have drawn the roots into the map so that you can check.
> priya
By the school, please. I count forty-one children who cross two roads for the present one.
> noor
The weigh house has a roof. Has anybody here waited for line 5 in the rain?
>> chidi
I have read two whole novels waiting for line 5 in the rain.
> jonas
Anywhere with a bench. Asking for an ankle.

= adaeze @18
Somebody has painted a tiny staircase and a door on the kerb at Mill Lane that is too high for every pram in town. It is charming. I would still prefer a lower kerb.
> bram
I count two bent wheels a week from that kerb. I should send it a card at New Year.
> townhall
It is on the list for this quarter. The painter is asked to leave us the little door; we will set it into the wall.
>> adaeze
This is the best answer I ever had from a town hall.

= hanna @7
Eleven millimetres in the gauge since midnight, nine of them while I was looking for my other boot.
> greta
The plot says thank you. The tap next to it says it told me so.
> solveig
The river has come up a hand. Swimming downstream was quick, walking back was not.

= hanna @16 [town]
From the hill this afternoon: rain over the east side, sun over the west, and exactly one cloud that could not decide.
> lars
Taken from the second bench? The view is better from the one with the missing plank.
>> hanna
The second bench is where my sandwich was.

= pavel @22
To the gentleman who left a tuba on line 4: it is at the depot. The night crew has tried it. We apologise to everybody on Depot Street.
> choir
If he does not come for it, we have room for a tuba.
> anton
Depot Street here. Apology accepted, but learn a second tune.
> tomas
Which car was it in?
>> pavel
Of course that is your question. 188.

= omar @3
Quietest hour of the week. One heron on the fish market roof, one baker's light, one taxi.
> mireille fr
La lumière, c'était moi. Le héron, je le connais, il attend les poissonniers.
> leila
And one nurse eating crackers at a window. Hello down there.

= leila @20
To whoever left a thermos of soup at the hospital bus stop with a note saying "take": it was still warm. Thank you.
> dele
Somebody borrowed a thermos on Thursday and would not say what for. I ask no questions of my soup.
> adaeze
I had half a cup of it. I thought I had dreamed that.
> rosa
This is how a town keeps itself warm.
> omar
I have driven past that stop four times tonight hoping for seconds.

= jules fr @9
Lettre du jour : adressée à « la dame aux géraniums rouges, rue du Canal ». Livrée du premier coup.
> agathe fr
Elle est sur mon buffet. Merci, Jules. C'était ma sœur, qui ne retient jamais les numéros.
> lucie fr
Je veux dessiner cette enveloppe.

= jules fr @13 [bicycle]
Crevaison rue des Tisserands. Bram m'a réparé ça en sept minutes, montre en main, en me racontant un film que je n'ai pas vu.
> bram
Eight minutes. The ending took one.
> nadia
Which film? If it is good enough for a puncture it is good enough for a Monday.

= wim @19 [canal]
Moved Patience to the winter mooring. She complained for one lock and then purred.
> piet
Your geraniums came past my hives this morning and half of the girls went with them.
> ines
You took the bend by the boathouse like a gentleman. We have seen otherwise.
>> wim
The otherwise was the wind. It is always the wind.

= noor @17
Street name of the week: Cold Oven Lane. Not a baker. In 1683 the brickmakers were fined for lighting their kilns on a feast day and let them go out for a year, out of spite.
> zofia
We have one of those kilns under the car park. It is beautiful and it is full of a hatchback's oil.
> oskar
I lived there for a decade and told everybody that it was about bread.
> chidi
Spite is the great engine of local history.
> museum
We hold the fine, in the original hand. The clerk drew a small angry face in the margin.

= samuel @8 [avenue]
Biscuit met a hedgehog under the lime trees. Both parties withdrew with dignity.
> nina
If the hedgehog was out at eight in the morning it may be poorly. Could you look again on the way back?
>> samuel
Looked. Gone, and the leaf pile is rustling in a healthy way.
>> nina
Then I wish it a good day. Thank you for going back.

= townhall @9
The swimming hall opens half an hour earlier on weekdays from next week, because three hundred and six of you wrote to ask.
> solveig
For those who need walls and a roof around their water: congratulations.
> adaeze
Half past six! I could swim and still be late for work as usual.
> finn
Is there a lane for people holding two armbands and one child each?
>> townhall
The left one. It is called the left one, but everybody knows.

= farid @15 #stall
A man asked me today for "the yellow one, for rice, like my mother". It took us forty minutes and nine jars. It was dried lime. He cried, I cried, stall 13 cried.
> hugo fr
Le stand 13 confirme.
> maryam
May I have this for a poem? I will pay in baklava.
>> farid
Take it, it was his mother's anyway.
> mei
You once spent an hour on my grandmother's five-spice. You were right about the orange peel.

= courier @17
Corrections: on Tuesday we wrote that the station clock is three minutes slow. It is three minutes fast. We apologise to the clock and to Mr Ivo, who came to the office with a chronometer.
> ivo
Thank you. It gives people who run a chance, and people who stroll a fright.
> tomas
Printed corrections are why I read this paper.
> omar
I have set my whole life by that clock and I am always early. It explains so much.

= zofia @16 #pipe
Day nine of the dig behind the fire station: one button, one oyster shell, and a clay pipe with a thumbprint. Somebody stood here four hundred years ago and pressed a little too hard.
> museum
The pipe has the maker's mark of the widow on Canal Street. She employed nine people and sued everybody.
> chidi
A thumbprint. I had to put the telephone down for a minute.
> priya
Year two would like to come and look into a hole. When is a good hole?
>> zofia
Thursday. Wellingtons, and nobody eats the exhibits.

= museum @11 [bridge]
On this picture you see the arch from which, in 1811, the mayor's hat was fished with the mayor still attached. Free entry on Sunday, the hat is in room two.
> noor
My class will ask whether the mayor is in room three.
> wim
My family pulled him out. We were paid in wine and have never stopped mentioning it.

= solveig @7
Water: seven degrees. Air: five. Company: one otter, unimpressed.
> hanna
Five point four at my window. The otter has better manners than my thermometer.
> ines
We saw your hat from the boat and counted you twice, to be sure.
> lars
I have slept in snow and I would not do this.

= omar @23
A passenger tonight asked me to drive slowly past the house where she grew up, and then once more. There was a light in the kitchen. She said: "good, somebody uses it". That was all.
> maryam
I have read this four times.
> rosa
We do not own kitchens. We look after them for a while.
> levi
Thank you for driving slowly.

= tramways @15
Lost and found this week: eleven umbrellas, one accordion, a cake (eaten, sorry), a set of teeth, and a love letter without an envelope. We have not read it. It is very good.
> yuki
The accordion may be my brother's. If it is red, please do not give it back too quickly.
> beatriz
Who loses teeth and does not notice until the terminus?
> courier
We would like to print the letter, if its writer agrees.
>> tramways
The writer came. He said no, and that it worked.

= theo fr @14
Question sérieuse : où trouve-t-on dans cette ville un café ouvert après vingt-deux heures, avec une table assez stable pour un échiquier ?
> lux fr
Notre bar, jusqu'à minuit les soirs de film. Les tables sont d'époque, donc presque stables.
> chidi
The Lux. Take the corner by the poster with the cat. I will bring the clock.
> emil
Can I come if I lose quickly?

= rosa @18
My grandson asked what we did before we could look everything up. I said: we were wrong for years and perfectly happy.
> oskar
I taught two generations a wrong date for the bridge. Nobody drowned.
> museum
We did notice, Mr Oskar. We put the right one in large letters beside the door.
> ruth
And then you came to the library, where we told you kindly.

= hanna @20 [umbrellas]
Market square at five o'clock, from the tower. I went up to read the barometer and stayed for the hats.
> lucie fr
On dirait un bouquet. Je peux m'en servir pour une affiche ?
>> hanna
With pleasure. The red one in the middle is me, going home afterwards.
>> courier
That is not possible, and we would like to print it.

= samuel @18
To the three children who returned my wallet with everything in it and a drawing of Biscuit added: he has never looked so brave.
> priya
I know exactly who they are and I shall say nothing, and tomorrow there will be a very good story hour.
> farid
Frame the drawing. Forget the wallet.

= bram @17
Somebody brought in a tandem last ridden in 1974. The saddlebag still had a map, two tickets to the coast, and half a bar of chocolate that I have declined.
> tomas
Tickets! What colour? If they are pink they were returns.
>> bram
Pink, both, one way used.
> maryam
One way used. You cannot just write that and go home, Bram.
>> bram
They are seventy-nine and eighty now, they came back by car, and they want the tandem for Sunday.

= townhall @14 [square]
The square from the tower, as the new plan shows it: nothing moves but the bins. You asked for shade, so six lime trees come in spring.
> agathe fr
Six tilleuls ! Je retire la moitié de ce que j'ai dit de vous.
> piet
Lime honey by the third summer. Mark my words and your jars.

= nina @12
Public service: the fox on Depot Street is not lost, not tame, and has already had breakfast at three addresses.
> pavel
Four. The canteen counts as an address.
> anton
So that is who has been looking at me while I plane doors.

= elena @9
The eighty-one-year-old played the whole nocturne this morning. Eleven months. When she reached the last bar she said "well" and closed the lid.
> yuki
I have played in halls where nobody earned a silence like that.
> levi
What did you say?
>> elena
I said "again?" and she said "obviously".

= amina @7 [alley]
Weaver Street before the first shutter.
> mei
The light at the end is my oven. I waved, you did not see.
>> amina
I saw a hand with flour on it and took it for the moon.

= courier @7
Three things today: the lock is closed for divers until noon, the school choir sings in the station at four, and the bakery on the quay has invented something with pears.
> mireille fr
On n'a rien inventé. On a juste arrêté de les jeter quand elles sont moches.
> chidi
I have had the ugly pear thing. I went back for a second and met half of my street.

= emil @19
Does anybody else count the lamps on the bridge when crossing? There are twenty-two going and twenty-one coming back and I do not want to talk about it.
> museum
The last one on the south side stands behind the pillar. You are right both times.
> ivo
I am glad that I am not the only one.
> hanna
I have counted them weekly since I was nine. Welcome.

= lars @20 [mountain]
Two days above the tree line. It is very quiet up there and then a marmot shouts at you.
> hanna
The cloud on the left shoulder: did it turn into anything?
>> lars
Into everything, about an hour later. I was under a rock with a biscuit.
> astrid
My sheep spent three summers up there. They come back with opinions.

= ines @7 [rowing]
Flat water, cold hands, and for eleven strokes all four of us were the same person.
> rowers
We saw it from the dock. Stroke twelve we shall not mention.
> solveig
You passed me so quietly that I only noticed the ripples.

= rowers @18
Learn to row: twelve places, eight evenings, no experience needed, you will get wet once. Write to us or come to the boathouse on Wednesday and look undecided.
> beatriz
I dance. Can I count to eight in a boat?
>> ines
You would be the first who can.
> finn
Is there a class for people whose arms are already tired from carrying twins?
> kofi
I fell in on my first evening and was back the next day. It is that good.

= wim @8 [ducks]
The whole family came by to inspect the new mooring. The youngest found it too far from the bread.
> nina
No bread, Wim. Oats or peas. I have told you and I have told the ducks.
>> wim
They say that you are strict but fair.

= lucie fr @18 "night
Enfin des gens endormis à dessiner après minuit. Je prends la ligne 4, voiture du fond, crayon 2B. #northbank
> pavel
I will take the curves gently.

= mei @11 "stall
I tell this story to everybody who buys my orange peel. @farid does not know that he is on the label now.
> farid
He knows now, and he wants to see the label.

= priya @17 "pipe
The hole behind the fire station, reviewed by year two: "deep", "brown", "there was a man in it but he was alive".
> zofia
That was my colleague. He is still proud of the sentence.
> finn
One of mine wants to be a hole when she grows up.

= courier @12 "lemons
In today's paper: where the lemons went. A short investigation with a long list of suspects and one restaurant.
> rosa
I am suspect number four and I have bought six copies.
> hugo fr
Je maintiens ma déposition : tout le cageot.

= hanna @7 [balloons]
They drifted over the school at assembly height. Thirty-one classes, one headmistress, nobody indoors.
> priya
Year two waved until the last one was a dot, and then they waved at the dot.
> lars
Light wind from the south, and they still cleared the ridge. Lovely piloting.

= amina @18 [harbour]
Boats coming in. My grandmother says the light used to be longer; I think she means the evenings.
> wim
She is right. There were fewer clocks.
> ivo
I object, mildly.

= lucie fr @12 [tram]
Ligne 4, dernier tram : un trombone, deux amoureux, quatre sacs de farine. Tout y est, sauf le trombone, il bougeait trop.
> mireille fr
Les sacs de farine, c'était mon apprenti. Il dit que vous l'avez bien eu.
> pavel
I drove as if I were carrying an orchestra.

= amina @8 [market, bread, umbrellas]
Rain at eight, bread at nine, half the town under one awning by ten.
> hugo fr
Le mien. J'ai vendu plus de comté qu'à Noël, par pure proximité.
> farid
They came for the roof and left with cardamom. I do not ask for more.
> adaeze
I met three patients there, all of them pretending not to be out of bed.
"""  # noqa: E501
