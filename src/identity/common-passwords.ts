/**
 * Passwords that guessers try first, in lower case. The list is folded: `stems` stands for each stem alone and
 * with each of the endings, about 6,000 in all. `test` is no stem, as the API's own example uses it.
 */
const exact = `
000000000 0987654321 0123456789 0102030405 1029384756 10203040 11112222 1122334455 11223344 112233445566 1212121212
12121212 12341234 123321123 1234567a 12345678a 123456789a 1234567890a 12345678q 123456789q 123456abc 123456qwerty
1234qwer 12qwaszx 12345qwert 123qweasd 123qweasdzxc 123abc123 123qwe123 12345abc 13131313 13579246 1357924680
135792468 147258369 147852369 159357258 159753456 159753852 18436572 19283746 1a2b3c4d 1a2b3c4d5e 1million 1password
1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i 1qaz1qaz 1qaz2wsx 1qaz2wsx3edc 1qaz@wsx 1qazxsw2 20202020 21212121
23232323 24682468 25252525 2wsx3edc 3rjs1la7qe 321321321 3edc4rfv 420420420 456456456 456789123 55667788 69696969
741852963 753951456 789456123 7894561230 789789789 852456852 87654321 876543210 951753852 963852741 987654321
9876543210 99887766 a12345678 a123456789 a1234567890 a1b2c3d4 a1b2c3d4e5 a1s2d3f4 aa123456 aa12345678 aaa12345 aaa111222
abc12345 abc123456 abc12345678 abc123abc abc123def abcd1234 abcd12345 abcd123456 abcdabcd abcdefgh abcdefghi abcdefghij
abcde12345 access14 adgjmptw admin1admin adobe123 alexander1 anthony1 anonymous aolsucks apollo13 arsenal1
asd123asd asdasd123 asdf1234 asdf12345 asdfasdf asdfghjk asdfghjkl asdfghjkl1 asdf;lkj asdqwe123 ashley123 azertyui
azertyuiop azerty123 babygirl1 backspace baseball1 basketball1 beautiful1 bigdaddy1 billgates blackhawk blink182
brooklyn1 buckeyes bullshit butterfly1 changeit changeme changeme1 changeme123 chocolate1 christian1 chris123 citibank
compaq123 computer1 confirmed consumer corvette courtney cowboys1 daniel123 default1 devildog dickhead dragonball
dragonfly drowssap dtcxyz12 elephant1 einstein einstein1 enterpri estrella facebook1
fender12 ferrari1 football1 forever1 forget123 freedom1 ganteng123 gfhjkmgfhjkm godisgood goodluck1 google123 greenday
guest123 guitar12 hahahaha hallo123 hardcore hello1234 hello123456 helpdesk hunter12 iamthebest idontknow ihateyou
iloveu123 iloveyou! iloveyou1 iloveyou12 iloveyou2 iloveyou3 iloveyou7 iloveyou123 iloveyouso iloveme1 imissyou
infinity internet1 intranet iwantyou jamesbond jamesbond007 jennifer1 jesus123 jesuschrist jesuslove jordan23 jonathan1
july2020 justdoit justin123 kawasaki killer123 kissmyass knight12 lakers24 letmein! letmein1 letmein12 letmein123
letmein2 liverpool1 liverpoolfc logmein1 login123 loveforever lovelove loveme123 lovers12 loveyou1 loveyou123 ludacris
luckydog madonna1 manchester1 manunited marlboro1 master123 matrix123 maverick1 maxwell1 mercedes1 merlin123
metallica1 michael1 michael123 michelle1 midnight1 minecraft1 mississippi monkey123 motherfucker mustang1 mypassword
mypass123 myspace1 naruto123 natasha1 newpass1 newpassword newyork1 nicole123 nintendo1 nirvana1 nopass123 nopassword
nosecret oldpassword onlyme123 opensesame open1234 p@55w0rd p@55word p@ssw0rd p@ssw0rd1 p@ssw0rd12 p@ssw0rd123
p@ssw0rd! p@ssw0rd123! p@ssword p@ssword1 p@ssword123 pa$$w0rd pa$$word pa55w0rd pa55word pa55word1 packers1 paradise1
parola123 parola12 pass1234 pass12345 pass123456 pass@123 pass@1234 pass@word1 passion1 passpass passw0rd passw0rd!
passw0rd1 passw0rd12 passw0rd123 password! passwort passwort1 passwort123 patrick1 patriots1 pavilion peaches1 pepper12
phoenix1 playstation pokemon1 pokemon123 poohbear1 porsche911 postgres postgres1 princess! princess1 princess123 private1
property q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazqazqaz qaz123wsx qazwsx12 qazwsx123 qazwsxed qazwsxedc qazwsxedc123 qazxswedc
qq123456 qq123456789 qqww1122 qwaszx12 qwe123456 qwe123qwe qweasd123 qweasdzxc qweasdzxc123 qweqweqwe qwer1234 qwer12345
qwert12345 qwert123 qwerty! qwerty00 qwerty11 qwerty12 qwerty123456 qwerty1q qwerty22 qwerty321 qwerty77 qwerty99
qwertyui qwertyuiop qwertyuiop1 qwertyuiop123 qwertyqwerty qwertz123 qwertzuiop raiders1 rainbow1 ranger12 rangers1
realmadrid redskins1 remember1 rockstar1 rockyou1 romance1 ronaldo7 root1234 rootroot ruslan12 sample123 samsung1
samsung123 scarface scooter1 secret123 secret12 secret1234 security1 sexy1234 sexygirl shadow123 shalom123 shithead
simple123 slipknot1 snowball1 soccer10 soccer11 soccer12 softball1 something1 spiderman1 spongebob1 standard1 starcraft
startrek starwars1 steelers1 stratocaster student1 summer08 summer2020 summer2021 summer2022 summer2023 summer2024
summer2025 superman1 superman123 superman12 supervisor sunshine! sunshine1 sunshine123 svetlana sweetheart1 sweetpea
system32 sysadmin taekwondo teacher1 temp1234 temp12345 temp123! temppass test1234 test12345 test123456 testing1 testpass testtest thebeatles
thomas123 thunder1 tigger12 timeless tinkerbell1 toor1234 topsecret toyota12 treasure trustno1 trustno1! trustnoone
twilight1 undertaker unknown1 useruser user1234 user12345 vacation1 valentina valentine valentino victoria1 vfhbyf123
volleyball1 wachtwoord warcraft1 warcraft3 webmaster welcome! welcome@1 welcome@123 whatever1 whatever123 whoknows
william1 winner12 winston1 winter2020 winter2021 winter2022 winter2023 winter2024 winter2025 wonderful1 wordpass
workhard wrestling1 xbox360x xxxxxxxx yankees1 yourmom1 zaq12wsx zaq1zaq1 zaq1xsw2 zaq!2wsx zaqwsx123 zaqxsw123 zinch123
zxasqw12 zxcv1234 zxcvbnm1 zxcvbnm12 zxcvbnm123 zxcvbnmm zxczxczxc
`;

const stems = `
abc abcd access account adidas admin administrator alexander amanda america andrea andrew angel angels anthony apple
arsenal asdf asdfgh ashley austin azerty baby babygirl bailey banana barcelona baseball basketball batman beautiful
blessed brandon brooklyn buster butterfly casper changeme charlie cheese chelsea chester chicken chocolate chris
christian cocacola company computer contact cookie cookies cowboys daniel danielle database david default demo diamond
dolphin dragon eagles elizabeth eminem everton facebook family ferrari fireball flower fluffy football forever freedom
friend friends gandalf ginger goodluck google guest guitar hannah happy hannover heaven hello hockey honey house hunter
iloveu iloveyou internet jackson jasmine jennifer jessica jesus jonathan jordan joseph joshua justin kevin killer
kingkong kitty lakers letmein linkedin liverpool login london loveme lovely loverboy loveyou lucky madison manager
marina marlboro martin master matrix matthew maverick maxwell melissa mercedes merlin metallica michael michelle
midnight minecraft monday monkey monster morgan mother mustang mynoob naruto nathan newyork nicholas nicole nintendo
nothing october office oliver orange oracle pakistan panther pass passw0rd password patrick peanut pepper phoenix
playboy pokemon poohbear princess purple pussycat qazwsx qwert qwerty rachel raiders rainbow rangers rebecca richard
robert rockstar root samantha samsung sandra scooter scorpion secret security server shadow shannon silver simple
slipknot snoopy soccer softball spiderman spongebob starwars steelers stephanie summer sunflower sunshine super superman
superstar sweetheart sweety system taylor teacher temp temppass tennis teresa thomas thunder tigger tinkerbell
trustno trustno1 twilight user valentin vanessa victoria vincent volleyball welcome whatever william windows winner
winter wizard yamaha yankees yellow zxcv zxcvbn zxcvbnm
`;

const endings =
  ' 0 00 007 01 07 1 10 11 111 12 123 1234 12345 123456 1234567 12345678 1! 12! 123! 1234! ! @123 #1 2 21 22 23 3 4 5 6 69 7 77 8 88 9 99';

/** Whether a password is among those tried first, or is one character or a run of keys over and over. */
export function createCommonPasswords(): (password: string) => boolean {
  const known = new Set(wordsOf(exact));
  for (const stem of wordsOf(stems)) {
    for (const ending of endings.split(' ')) known.add(stem + ending);
  }
  return (password) => {
    const folded = password.toLowerCase();
    return known.has(folded) || isRepetition(folded) || isRun(folded);
  };
}

const wordsOf = (text: string) => text.trim().split(/\s+/);

const longestUnit = 4;

/** `aaaaaaaa`, `abababab`, `abcabcabc`, `12341234`. */
function isRepetition(text: string): boolean {
  for (let length = 1; length <= longestUnit && length * 2 <= text.length; length += 1) {
    if (
      text ===
      text
        .slice(0, length)
        .repeat(Math.ceil(text.length / length))
        .slice(0, text.length)
    )
      return true;
  }
  return false;
}

const runs = [
  '01234567890',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop[]',
  'asdfghjkl;',
  'zxcvbnm,./',
  'azertyuiop',
];

/** A piece of the alphabet, of the digits or of a row of keys, forwards or backwards. */
function isRun(text: string): boolean {
  const backwards = [...text].reverse().join('');
  return runs.some((run) => run.includes(text) || run.includes(backwards));
}
