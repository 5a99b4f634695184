"""What is said in the demo's town about choir and concerts, football, films, the stage, books and chess.

The form of the text is explained in `words`.
"""

TALK = """
= choir @17 #rehearsal [choir, score, facade]
Full rehearsal tonight, all four voices, with the organ. The doors stay open; come and sit at the back.
> rosa
I shall be at the back with my knitting and I shall not count the wrong entries aloud.
> anton
The circled bar is mine. I know. I have been told.
>> elena
It is a perfectly good low E. It only came four beats early, like a keen guest.
> oskar
Is the heating on, or is this again a Baroque experience?
>> choir
Bring the coat. The organist wears two.

= claire fr @19 "rehearsal
On cherche deux voix de ténor pour le concert de @choir. Pas besoin de lire la musique, il suffit d'aimer rester après la répétition.
> hugo fr
Je chante comme je coupe le comté : gros, mais avec le cœur.
>> claire fr
Mardi, dix-neuf heures. Apporte le comté aussi.
> kofi
Does it have to be in tune from the first evening?
>> claire
By the third. We are strict.
>>> kofi
My dressing room will want to thank you in person.

= choir @21 #concert
Winter concert in the old market hall. Entry is free, seats go to whoever comes first, and the soup at the interval is made by Dele.
> dele
Forty litres, two kinds, one without anything that had a face.
> leila
I have swapped three nights for this. If I fall asleep in the second half it is not the altos' fault.
> townhall
The hall is heated from noon. We tried it yesterday and it works, nobody was more surprised than we were.
> agathe fr
Mes petits-enfants demandent s'il y aura encore le monsieur qui tient la note très, très longtemps.
>> anton
He is training.

= anton @23
Sang a low D in the stairwell and the neighbour's glasses answered. We are starting a second choir.
> yuki
Put the glasses in the front row. We never have enough altos.
> ivo
If they ring on D they are from the old works by the canal. Good crystal. Do not sing any louder.

= yuki @23 [violin]
Three weddings, one funeral and a school fair this week. The fair asked for an encore; the bride wanted the same piece as the widow. Nobody else knows. I played it a little faster.
> maryam
A little faster. Yes. That is exactly the difference.
> beatriz
Which one was it? No, do not tell me, I want to guess at the next wedding.
> levi
There is a recording of that piece by a quartet that met on a ferry. Come by, I have just got the set to play again.

= elena @16 [piano]
A pupil asked why the black keys are in groups of two and three. I said: so that you find your way home in the dark. It is not the reason but it is true.
> priya
I am taking this for story hour.
> oskar
The best answers usually stand beside the question.

= levi @20 [repair]
A 1956 set from a cellar in Cold Oven Lane. One valve, two condensers, and a mouse's nest made out of the guarantee. It plays. The first thing it said in forty years was the weather.
> hanna
What did it forecast?
>> levi
Rain, clearing from the west. It has kept up.
> repaircafe
You will show that on Saturday, please. The cake is plum.
> noor
May I record a minute of it for my class? They think that sound began with headphones.

= kofi @10
Scored in training with the back of my head. Marek's under-twelves were watching and now all of them are practising it. I am so sorry, Marek.
> marek
Eleven headers, eleven oranges thrown. We thank you for your service.
> emil
It was a good header. It was just meant to be a pass.
> sam
Head check at six, please. I mean it.

= rovers @18 #win [crowd, pitch, tram, umbrellas]
Two–one. Ninety-third minute. We are still hoarse. Pictures from the stand, the pitch and the way home: #redandwhite
> kofi
I would like to thank my shin.
> pavel
I carried about two hundred of you on line 4 and my bell will never be the same.
> oskar
In 1961 we won by the same score in the same minute. I was on the same step. My coat is the same too.
>> rovers
Mr Oskar, your coat is in the club history. Page 84.
> finn
The twins slept through all of it except for the ninety-third minute.
> courier
Full report in the morning. Our reporter has no voice but can still type.

= sam @19 "win
Jonas is fine and sends his regards from the bench. Thank you to the people who ran for the stretcher.
> jonas
The ankle is the size of a small loaf. The other ten were magnificent. Keep the bench warm.
> mireille fr
Un pain de quelle taille ? Je peux faire le même, pour comparer.
>> jonas
A four-pounder, Mireille. With a crust.
> marek
The under-twelves have drawn you a card. There is a lot of blood in it. It is meant kindly.

= marek @13
Lost nine–two. Discussed it over oranges. Findings: the other team had the ball more often. Next week we try having the ball.
> emil
This is the most honest match report in the league.
> finn
Mine is four and would like to know when he may lose with you.
>> marek
In two years. Oranges may be practised at home.
> priya
They told me that they had won the second half of the second half.

= emil @20
First match with the seniors. I saved one with my face. It counts.
> rovers
It counts, it is in the report, and there is a new tooth guard in your locker.
> kofi
The whole north stand sang your name. It rhymes with nothing, they did well.
> rosa
I closed my eyes. I am told it was splendid.
> nina
I only treat animals, but put something cold on it.

= rovers @12
Supporters' meeting on Thursday: the new roof of the east stand, the price of a sausage, and whether the drum may return. Every member has one vote, also about the drum.
> tomas
I vote for the drum, from a seat far away from it.
> yuki
As a musician: yes to the drum, but somebody must tell it what a bar is.
> dele
As a cook I abstain on sausages, loudly.

= nadia @15 #trains [screen]
Programme for the coming weeks at @lux: six films about trains, because a certain person from the second row has asked every Monday for two years.
> tomas
I am overcome. Which ones? No, do not tell me. Yes, do.
>> nadia
One of them is silent, eighty minutes long, and nothing but shunting.
>>> tomas
I know the one. I know the engine.
> yuki
I play to the silent one. I have been practising steam.
> lux fr
Six euros l'entrée, et tout cheminot en uniforme entre gratuitement.

= lux fr @11
Le projecteur a toussé hier à la bobine trois. Merci aux quatre-vingt-dix personnes qui ont attendu vingt minutes en se racontant la fin.
> theo fr
La fin racontée par mon voisin était meilleure que la vraie.
> lucie fr
J'ai dessiné la salle pendant la panne. On voit très bien qui avait apporté des biscuits.
> levi
It is the belt. I have one that fits, cut from a sewing machine. I will bring it tomorrow.
>> lux
Free seats for a year, and you choose the film in spring.

= nadia @22
Somebody clapped alone at the end tonight. Then somebody else did. In the end all thirty-one of you. Please keep doing this, the screen cannot hear it but I can.
> beatriz
I was the second. I do not know who was the first, but thank you.
> chidi
It was me. I had forgotten where I was.

= beatriz @18 [stage]
Dress rehearsal. The wolf is on crutches, grandmother is twelve, and the forest forgot its shoes. It is going to be wonderful.
> finn
The forest lives in our house. The shoes are found. They were on the guinea pig's roof.
> priya
That guinea pig has never looked so well housed.
> maryam
I wrote four lines for the moon. If they are too long, cut the moon, not the child.
>> beatriz
The moon knows them already and says them while cycling.

= beatriz @22
Ninety children, one stage, no injuries, and a grandmother who got a laugh with an eyebrow. I am going to lie on the floor now.
> agathe fr
Le sourcil ! Toute la rangée a ri. C'est ma petite-fille, je le dis en passant.
> claire fr
Bravo. Le loup à béquilles faisait bien plus peur que l'an dernier.
> courier
Our critic is eight years old and gives it eleven stars out of ten.

= ruth @10
A reader came back for "the book with the lighthouse that my aunt had". We tried nineteen lighthouses. It was the twentieth, and it was not a lighthouse, it was a windmill.
> chidi
How did you find it?
>> ruth
She remembered that it smelled of oranges. So I asked who had been eating in the reading room in 1988.
> oskar
I plead guilty and return the peel.
> library
We have added a sign. It says "oranges only at the windmill".

= library @9 [library]
New this week: forty picture books in eleven languages, a shelf of graphic novels taller than the person who ordered them, and a chair that does not squeak.
> mei
Which one is it? I want to sit down while icing dries.
> theo fr
Les bandes dessinées sont-elles enfin en français aussi ?
>> library fr
Oui, la rangée du milieu. Lucie les a choisies.
> priya
We are coming on Tuesday at ten, thirty of us. May the chair be strong.

= library @15
A book came back today that was due in June 1979. No fines since spring, so we owe it only a welcome. It has travelled further than most of us: there is sand in it.
> lars
Which book?
>> library
An alpine guide. The notes in the margin are better than the text.
>>> lars
I have wanted to read that margin for years. That is my grandfather's hand.
>>>> library
Then come and see us. It is waiting for you at the desk.

= chidi @8 [books]
Missed my stop again. In my defence the sister had just opened the letter.
> pavel
I saw you. I rang twice. You turned the page.
> ruth
Chapter nineteen? Everybody goes to the terminus in chapter nineteen.
> noor
I keep a list of pupils who arrive late for good reasons. You would be on it.

= chidi @20
Reading the minutes of the canal company, 1790 to 1802. It is ten years of men not answering each other's letters, and then suddenly a canal.
> zofia
I have dug up their ledger. Most of it is lunch.
> wim
Nothing has changed. I wrote to them about lock four in March.
> townhall
We have found the letter about lock four. It was with the lunch receipts, we are sorry to say.

= theo fr @23 [chess]
Perdu en vingt-trois coups contre Emil, seize ans, qui mangeait une pomme. Magnifique.
> emil
You let me have the knight. I thought it was a trap until move twenty.
>> theo fr
C'en était un. Pour moi, visiblement.
> chidi
I kept the score sheet. The apple should get half a point.

= emil @17
Does anybody have a chess book that starts after "this is how the knight moves" and before "as the reader will remember from Vienna"?
> oskar
I have just the one, with pencil notes by a man who always lost to me. Come by for it.
> ruth
Shelf 794, third from the left, the green one. It assumes courage and nothing else.
> theo
I learned from that green one. Make of that what you will.

= maryam @23
On a receipt for two pears / and washing powder / I wrote down what you said. / It came to / four twenty.
> leila
I read this at a red light in an ambulance bay and had to sit for a moment.
> yuki
The last line is a rest with a pause on it.
> farid
You paid me with that receipt! I have it in the till.
>> maryam
Keep it. You gave me too much change anyway.

= lucie fr @18 [umbrellas]
Étude de parapluies pour l'affiche du marché. Le jaune m'a pris toute la journée, le jaune prend toujours toute la journée.
> amina
It looks like the square does when everybody has forgiven the weather.
> hugo fr
J'en veux une pour le stand. Format comté.
> townhall
We should like to hang it at the tram stops, if we may. Please send us your price and not your modesty.

= pavel @21
Whistled the slow movement at the terminus and a lady on the back bench came in with the second voice, exactly a third below. We did two stops. She got out without a word. Who are you?
> claire
A third below, at the terminus, and no word? That is Rosa.
>> rosa
I had soup on the stove.
> choir
Rosa, we have known you for twelve years and you have been KNITTING?
> anton
I move that the back row be abolished, so that she has to sit with the altos.

= yuki @10
Looking for a page turner on Sunday who is not afraid of a five-flat scherzo and is not taller than the lid.
> elena
I have an eighty-one-year-old who would be perfect and who will tell you if you rush.
>> yuki
Hired.

= tomas @20 "trains
I am the person from the second row. I shall wear a tie.
> oskar
I will bring the coat and the peel.
> lux fr
Deuxième rang, siège sept, il est réservé et même épousseté.

= jonas @16
Three weeks on crutches: I have learned to open doors with my hat. The under-twelves call it skill.
> sam
Two weeks and four days. I count. Sit down.
> anton
I have taken over your two window frames. They were nearly straight.
>> jonas
They were straight when I left them, Anton. It must be the house.

= lux @12 [facade]
We are repainting the front ourselves on Saturday from nine. Brushes are here, soup is promised, vertigo is excused. Shutters blue, as they were in the old photographs.
> jonas
I can do everything that is lower than a crutch.
> museum
We have a flake of the original from 1932. It is greener than anybody remembers. Do you want to know?
>> lux
We want to know and we are going to argue about it all day.
> hanna
Dry until two, then a brief shower that will only spoil the part that nobody looks at.

= noor @19
A pupil handed in an essay on the bridge that began "Nobody asked the river". I have been a teacher for sixteen years and I put down my pen.
> oskar
Give full marks and do not explain them.
> wim
The river would agree. It was never asked about the mooring fees either.
> maryam
Ask whether I may have that first line when the author has finished with it.

= rovers @15 [pitch, crowd]
Open training, and the whole east stand turned up with thermos flasks. To the boy who asked for the corner flag: you may have it in June.
> emil
I was that boy, nine years ago. I am still waiting.
>> rovers
Your flag is in the locker with the tooth guard.
> kofi
Never sung to so early in the day. I missed the goal out of pure emotion.

= choir @18 [choir, piano]
First run with the soloists. The hall was nine degrees and nobody noticed after the second page.
> elena
The pianist noticed. The pianist wore gloves with the tips cut off.
> claire fr
Les ténors étaient à l'heure, tous les quatre. Je note la date.

= beatriz @19 [wheel]
The fair is up. Ninety dance pupils have each promised to go home after "one more". I have promised it to myself.
> finn
The twins were brave up to the height of a chair.
> omar
I am parked by the gate for all who went round too often. Windows are open.
"""  # noqa: E501
