"""The passwords that everybody tries first, so nobody may have them (ASVS 6.2.4)."""

from __future__ import annotations

__all__ = ["COMMON"]

# Folded to lower case, and no shorter than the rules ask for anyway.
COMMON = frozenset(
    """
    00000000 01234567 0123456789 09876543 0987654321 10203040 11111111 11112222 11223344 1122334455
    12121212 12312312 123123123 123321123 12341234 1234512345 12345678 12345678910 123456781 1234567812
    123456789 1234567890 12345678900 1234567891 123456789a 123456789q 12345678a 12345678q 123456abc
    123456qwe 12344321 123654789 123698745 1234abcd 123abc123 123qwe123 123qweasd 123qweasdzxc 13131313
    135792468 147258369 147852369 159357456 159753456 159951159 1a2b3c4d 1g2w3e4r 1password 1q2w3e4r
    1q2w3e4r5t 1q2w3e4r5t6y 1qaz1qaz 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 1qw23er4 20202020 21212121 22222222
    23232323 33333333 44444444 45454545 55555555 66666666 69696969 741852963 77777777 78945612 789456123
    87654321 88888888 963852741 987654321 9876543210 99999999 a1234567 a12345678 a123456789 a1b2c3d4
    a1s2d3f4 aa123456 aa12345678 aaaaaaaa abc12345 abc123456 abc123abc abcabcabc abcd1234 abcdefgh abcdefghi
    access14 adgjmptw admin123 admin1234 admin12345 administrator adminadmin alexander america1 anderson
    andromeda angel123 arsenal1 asasasas asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl asdfghjkl; ashley12
    babygirl babygirl1 banana12 barcelona baseball baseball1 basketball batman123 beautiful benjamin
    bismillah blink182 brooklyn business butterfly caroline catherine changeit changeme changeme1 changeme123
    charlie1 charlotte cheesecake chelsea1 chocolate christian christopher cocacola computer computer1
    corvette cowboys1 danielle default1 dearbook diamond1 dolphins drowssap einstein elephant elizabeth
    estrella fernando football football1 forever1 fuckyou1 fuckyou123 garfield gateway1 giovanni guest123
    hahaha123 hannah123 hello123 hello1234 hellohello iloveyou iloveyou1 iloveyou2 iloveyou! internet
    jennifer jessica1 jonathan jordan23 jordan123 juventus lalalala letmein1 letmein123 letmein! liverpool
    liverpool1 login123 loveme123 lovelove manchester marlboro master123 maverick mercedes metallica
    michael1 michelle microsoft midnight monkey12 monkey123 motdepasse mustang1 mypassword nicholas nothing1
    openopen p@ssw0rd p@ssword p@ssword1 pa$$w0rd pa55word paradise pass1234 pass12345 passport passw0rd
    passw0rd! passw0rd1 password password! password0 password01 password1 password1! password10 password11
    password12 password12! password123 password123! password1234 password12345 password2 password3 password9
    password@1 password@123 passwort passwort1 patricia pokemon1 pokemon123 precious princesa princess
    princess1 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedc qazwsxedcrfv qqqqqqqq qwaszx12 qwe12345 qweasd123
    qweasdzxc qweqweqwe qwer1234 qwert123 qwert12345 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456
    qwertyui qwertyuiop qwertz123 qwertzui qwertzuiop rainbow1 realmadrid rockyou1 root1234 samantha
    samsung1 samsung123 scorpion secret12 secret123 security september shadow123 slipknot snickers snowball
    softball spiderman starwars starwars1 steelers stephanie summer2024 summer2025 summer2026 sunflower
    sunshine sunshine1 superman superman1 superstar system32 sweetheart teamo123 temp1234 test1234 test12345
    testtest thailand thomas123 tinkerbell trustno1 trustno1! ultimate undefined undertaker unknown1 user1234
    valentina vanessa1 vfhbyf123 victoria volleyball warcraft welcome1 welcome1! welcome12 welcome123
    welcome2024 welcome2025 welcome2026 whatever whatever1 william1 winter2024 winter2025 winter2026
    wordpress xxxxxxxx yankees1 yugioh123 zaq12wsx zaq1zaq1 zaqwsxcde zxcvbnm1 zxcvbnm123 zxcvbnm,./
    """.split()  # noqa: SIM905 - as a list it would be three pages
)
