"""What is said in the demo's town about kitchens, gardens, wool, bees, cats and children.

The form of the text is explained in `words`.
"""

TALK = """
= mireille fr @4 [bread]
Première fournée. La pâte avait décidé de lever toute seule cette nuit, je n'ai fait que lui obéir.
> claire fr
À sept heures devant la porte, comme d'habitude, comme tout le quartier.
> leila
Coming off shift past your window is the best part of every night.
> dele
If you have yesterday's ends again, the soup would be honoured.
>> mireille fr
Deux sacs, derrière la porte bleue. Sers-toi.

= fournil fr @6
Aujourd'hui : seigle aux noix, pain de campagne, et douze brioches seulement, parce que le treizième œuf est tombé.
> hugo fr
Gardez-moi un seigle, je vous garde un reblochon.
> oskar
I am outside. There are five people before me and they all look like brioche people.
>> fournil
One is put aside for you, Mr Oskar. You taught half of this bakery to count.

= mei @14 [cake]
Somebody ordered a cake "for a divorce, but a happy one". I went with cherries.
> nadia
The candles! How many years?
>> mei
Seven. She asked me to let them burn right down.
> beatriz
I would have danced at that party.
> farid
Cherries are correct. Anything with nuts says that you are still arguing.

= mei @22
I have made the same custard nine times this week. Number six was right and I do not know why. I wrote down everything but the weather.
> hanna
Wednesday: pressure falling, very humid after four. You are welcome.
>> mei
You are joking, but I am now boiling milk with the window open.
> rosa
You were humming on Wednesday. I was in the shop. Custard notices.

= dele @16 [soup]
Thursday soup: lentil with lemon, and pumpkin with whatever Farid put into the bag without telling me. Old chapel, from six, no names taken.
> farid
I shall take it to my grave. You may tell them that it is not cinnamon.
> omar
I had three plates. It IS cinnamon, and something else that I can hear but not see.
> agathe fr
J'apporte le pain et mes deux chaises pliantes. Quelqu'un m'a dit qu'on était à l'étroit jeudi passé.
> adaeze
Best prescription in town. I hand it out weekly.

= dele @21
Sixty-four plates tonight. One man washed all of them and would not sit down. When we locked up he said that it had been his birthday. Next Thursday there will be cake, whether he likes it or not.
> mei
There will be cake. Leave this to me.
> mireille fr
Et une couronne de brioche. On se partage le travail, Mei ?
>> mei
You the crown, I the candles.
> choir
Which song does he like? We can be there by seven, about twenty of us.
> dele @22
I asked carefully. He likes the one about the ferry. He also asked why I was asking.
>> levi
I have three recordings of it and an accordion of unknown origin.

= hugo fr @8
Un client a demandé « un fromage qui ne sent rien ». Je lui ai vendu une ficelle.
> fournil fr
On a eu le même hier : « un pain sans croûte ». On a tenu bon.
> theo fr
Je vais l'encadrer au-dessus de mon bureau.
> farid
I once sold a man an empty jar because he wanted something mild. He came back for more.

= rosa @11 [jars]
Twenty-two jars. The labels say what is in them, the handwriting says who stirred.
> finn
The twins have stirred. I recognise the fingerprints, and so will anybody who eats it.
> greta
Is that the courgette one? Tell me that the courgette one worked.
>> rosa
With ginger. Nobody will ever know, my dear.
> courier
We would print the recipe, if you can part with it.
>> rosa
A kilo, a kilo, and then you stand there until it is right. Print that.

= greta @18 [garden]
Plot 31 in its full disorder. In the front: beans. In the middle: what I believed to be beans.
> allotments
The committee has looked at the picture and thinks that they are sweet peas. The committee is delighted.
> piet
My girls have been at your non-beans all week. I can taste it.
> agathe fr
Coupez-en souvent, elles en refont. Ce sont des fleurs généreuses et un peu vexées.

= greta @9
Courgettes, free, on the wall by the water tap. Some of them are larger than the sign.
> dele
Twelve have gone to the chapel. I had to strap them in.
> finn
We took one. It has a name now and sits at the table. I do not think that we can eat it.
> jonas
From a crutch user: an excellent doorstop.
> allotments
The record for plot 31 stands at four point six kilos. We do not encourage anybody.

= allotments @10
Four plots are free from next month: two sunny, one by the railway, one that needs a friend. Come on Saturday at ten; Greta shows you around and you will not leave without courgettes.
> lars
What does the last one need, exactly?
>> allotments
Somebody who likes bindweed and a view.
>>> lars
I have climbed worse. Put me down for it.
> hanna
The railway one has the best drainage of them all. Trust the rain gauge.

= agathe fr @8
Le rosier blanc a refleuri derrière la cabane. Il ne lit pas les calendriers, et il a bien raison.
> jules fr
Je l'ai vu depuis la rue. J'ai posé le vélo pour mieux regarder.
> lucie fr
Gardez-moi une tige fanée, c'est ce que je préfère dessiner.

= piet @12
Weighed the hives. They have put on eleven kilos and I have put on two. We had the same summer.
> rosa
Two is nothing. I shall see to it.
> priya
Year two asks whether bees have a bedtime.
>> piet
They sleep in shifts, they hold each other by the feet, and nobody asks them for a last glass of water.
>>> priya
There was a very long silence and then thirty children held each other by the feet.
> mei
I will take six jars of the lime, as soon as there is lime.

= astrid @15 [knitting]
Second sleeve. It is the same length as the first. I would like this noted somewhere.
> ruth
Noted in the catalogue under miracles, 746.43.
> rosa
Now put it down for a week and measure again. They listen.
> repaircafe
Would you do an evening on darning? We have fifty-one socks and a lot of goodwill.
>> astrid
Wednesday. No acrylic, or I bring the sheep.

= astrid @7
Marigold, my oldest ewe, has learned to open the gate. She does not go out. She only wants it open.
> maryam
I have known people like Marigold. I have been Marigold.
> samuel
Biscuit is the other kind.
> nina
Her teeth were better than mine at the last visit. Give her my regards and leave the gate.

= nina @13 [cat]
This is Admiral. Admiral was brought in because he "hardly eats". Admiral has four families on one street, and I had to tell all of them in the same waiting room.
> finn
Are we one of the four? Ours is called Potato.
>> nina
I am sorry to do this in public. Yes.
> jules fr
Chez la dame du 9, il s'appelle Monsieur.
> omar
He also rides with me on Sundays as far as the fish market. I thought that he was a stray.
> courier
May we have Admiral for the front page?

= samuel @17 [dog]
Biscuit after his bath. He is not angry, he is disappointed.
> nina
A splendid coat, and a lawyer's eyes.
> kofi
I had that very face after the penalty.
> bram
He can come and sleep in the shop again. Nobody washes anything here.

= finn @6
Good morning from the twins, who have found out that two people can open a drawer that one cannot.
> leila
On my ward we call that a multidisciplinary approach.
> jonas
I will bring a catch for the drawer. I will bring several.
> rosa
You are doing well. Nobody tells you at six in the morning, so I do.
>> finn
I read this aloud in the kitchen and we all had a small cry and a large porridge.

= finn @19
Dinner report. Pasta: floor. Peas: nose. Courgette: "he is our friend". Bread: eaten, with applause. Thank you, Mireille.
> mireille fr
Mes clients les plus exigeants.
> greta
I respect their position on the courgette.

= priya @16
Question from year two that I could not answer: does the moon know that we have given it a name?
> hanna
It certainly behaves as if it did not care.
> theo fr
La lune doit en avoir un autre pour nous, un peu moins flatteur.
> chidi
I shall be thinking of this one at the terminus.
> oskar
Thirty-eight years, and I never got one as good as that.

= priya @12
The guinea pig has been elected class president, thirty votes to nil. Its programme is hay.
> townhall
We congratulate the president and are ready for talks about hay.
> noor
My upper school had a turnout of half that. What was the secret?
>> priya
The candidate could be stroked.

= repaircafe @18 [repair]
Saturday's count: fourteen lamps, six toasters, two bears, one accordion, and a hairdryer that was beyond us and knew it. Forty-one things went home working.
> levi
The accordion only needed somebody to believe it.
> tramways
Was it red?
>> repaircafe
We do not comment on the colour of accordions.
> bram
I did nine punctures and a scooter with a broken heart. Good cake.

= ivo @14
Took the station clock's spare movement apart on the kitchen table. My wife has set the table around it and says that the soup is now on time.
> levi
Send a picture of the escapement, some of us have not been out this week.
>> ivo
It is not a thing for general release.
> tomas
Is it true that the pendulum has a penny on it?
>> ivo
Two. One from 1926 and one from me.

= levi @11
A lady brought a radio and said: "It does not work, but leave it on, please". It hums. She lives alone and it hums. I cleaned the dial and gave it back humming.
> elena
You are a good repairer.
> leila
This is most of nursing, too.
> ivo
The best repair is often to know what is not broken.

= anton @15
Made a door today for a room that has had a curtain for thirty years. The family stood there and took turns at closing it.
> jonas
Three hinges?
>> anton
Three hinges. I am not an animal.
> maryam
And then, I hope, somebody knocked.

= adaeze @19 [coffee]
First coffee that I have finished warm since Monday. The waiting room is empty, the kettle is mine, nobody has a rash.
> sam
Do not write such things. It will be heard.
>> adaeze
You were right. Two rashes and a bead in a nose.
> nina
Mine was a bead in a ferret. We should open a practice together.

= bram @12 [bicycle]
Finished: the tandem of 1974. New chain, old paint, and the pink tickets are back in the saddlebag where they belong.
> tomas
Thank you for leaving the tickets in.
> amina
May I photograph the two of them, if they agree? From behind, when they ride off.
>> bram
They agree, on the condition that he may steer.
> adaeze
A tandem on the new cycle street! Ring both bells.

= ruth @21
Finished the green cardigan, started the blue one, and found out that the blue one is the green one in daylight.
> astrid
It happens to the best. Wool is mostly a matter of hope.
> mei
In icing we call that teal and charge more for it.

= oskar @9
I have cleared out the cellar. There are thirty-eight years of homework in it. If your name begins with A to K, come and be embarrassed on Saturday.
> jonas
Mine begins with J and I remember one about volcanoes.
>> oskar
It is excellent about volcanoes and wrong about everything else.
> townhall
The mayor asks, in confidence, whether hers is there.
>> oskar
Nine pages on frogs. It does her credit.
> marek
I am an M. I have time to flee.

= zofia @21
The button from the dig is cleaned: bone, four holes, one of them worn to a slot. Somebody sewed this on with too little thread and too much hurry. I have the same coat.
> astrid
That is a linen thread wear. Wool would have forgiven it.
> chidi
I love that you can scold somebody across four centuries.

= lars @17 [bowl]
Back in the valley. After nine days of porridge I looked at this bowl for some time before I dared.
> rosa
Eat. There is more where this comes from, and it is on my doorstep.
> solveig
Nine days! The harbour has missed your complaints about the harbour.

= solveig @15
Someone has left a towel on the ladder every morning this week, dry and folded. I do not know who you are, but I now swim the last stretch towards a kindness.
> ines
We have seen who it is. We have sworn an oath on the cox.
> wim
I have seen nothing. I am a boat.
> leila
This town, honestly.

= elena @13
The tuner came. He played one chord, looked at me as a doctor looks, and said: "who has been storing apples in here?"
> rosa
They keep so well in a piano.
> anton
Mystery of the soft pedal: solved.

= kofi @14 [kitchen]
Cooked for the whole back four. Two pots, one recipe, no survivors among the plates. Leïla's groundnut stew, from memory; I have surely forgotten something.
> leila
Salt, and inviting me.
> dele
Colour is right, pot is right, but you stirred it the wrong way round. I can tell by the steam.
> jonas
I had three helpings on one leg.

= farid @19
Weighed out saffron for a wedding tonight. Eleven grams, and I held my breath for all of them.
> mireille fr
Onze grammes ! C'est le mariage du notaire, j'ai fait les pains.
> yuki
I am playing at it. I shall follow the smell.

= claire fr @21
Après la répétition : quatre ténors, un comté, aucun silence. Hugo chante vraiment comme il coupe.
> hugo fr
Le troisième mardi, je serai juste. C'est promis.
> choir
It was gros, and it had cœur. He is in.
> anton
The cheese may also join, second bass.

= theo fr @10 [coffee]
Petit café, grand mémoire : il me reste quarante pages et une cuillère propre.
> chidi
Write the last page first. Then the other thirty-nine know where they are going.
> mei
Come by after five. Students in their last forty pages get the broken éclairs.

= amina @17 [town]
My grandmother asked for "the whole town, please, on one picture". I climbed up behind the orchard. She has found her window with a magnifying glass.
> oskar
And I have found mine, and the neighbour's ladder, which he says he does not have.
> rosa
Tell her that the third roof from the tower was the dance hall. She will know.
>> amina
She went red. I will be asking about the dance hall all evening.

= jules fr @17 [fields]
Fin de tournée par les champs, parce que le vent poussait dans le bon sens et que personne n'attendait plus rien.
> hanna
South-west, four to five. I was told you were seen without hands.
>> jules fr
Je ne confirme que la main gauche.
> agathe fr
Vous auriez pu m'apporter ce vent, j'avais du linge.

= maryam @9
Found on the tram: a shopping list that says "milk, nails, courage". Whoever you are, I bought the milk for you. The other two you seem to have.
> pavel
Seat by the back door? I put it back twice for its owner.
> bram
The nails would be for me, then.
> beatriz
I will be using this as a title.

= wim @22
Stove lit, kettle on, rain on the roof. A boat is only a teapot that you may sit in.
> ines
May we come by after training? We are four, we are wet, and we bring biscuits.
>> wim
The teapot seats six.

= sam @9
To those who ask: a knee is two bones and a promise. Please stop testing the promise on artificial turf.
> marek
Framed it for the changing room.
> elena
Does the same hold for wrists and octaves?
>> sam
Come by, I will listen to the octaves and then we shall see.

= nina @17 [dog, cat]
Two patients who share a basket, a flea, and no last name. They came with a note: "we are a set".
> samuel
Biscuit would like to apply for the vacancy of third.
> maryam
"We are a set." I shall never write anything better.

= mei @15 [cake, coffee]
The divorce came back for a birthday. Same cherries, other candles, everybody on the other side of the table laughing.
> nadia
I would watch that film.
> rosa
I knew it when she let them burn right down.

= finn @17 [kites]
Both up at once, for eleven whole seconds, and nobody has cried except me.
> marek
Eleven seconds is a long possession. Well held.
> hanna
I saw them from the tower and wrote them into the weather book.
"""  # noqa: E501
