"""The words that most records share: what the body of a record is deflated against.

Frozen: a record can only be read with the very words that it was written with. Better words are a new
text under the next number in `redis_rows.py`, never a change of this one.
"""

from __future__ import annotations

__all__ = ["WORDS"]

# What is most common stands last, where a reference to it is shortest.
WORDS = (
    b"SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36 Samsung Internet 28 on Android Galaxy "
    b"Pixel Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Opera "
    b"OPR/124.0.0.0 Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0 Firefox 140 on "
    b"Android Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"iPadOS tablet CriOS/143.0.0.0 FxiOS/140.0 GSA/400.0 EdgiOS/143.0.0.0 Chrome 143 on iPhone "
    b"Mobile/15E148 Safari/604.1 curl/8.5.0 python-httpx/0.28 okhttp/5.0.0 Unknown device bot api unknown "
    b"Chrome OS CrOS x86_64 Linux Paris London New York Amsterdam Tokyo Madrid Berlin Roma Wien Brussels "
    b"Toronto Sydney Stockholm Warsaw Los Angeles Chicago San Francisco Mumbai Jakarta Istanbul Mexico "
    b"City Lagos Seoul Singapore Dublin USGBDEFRESITNLPLSECHATBEIEDKNOFIPTCABRMXJPINAUKR 2001:db8:: "
    b"192.168.1. 10.0.0. 203.0.113. 198.51.100. otp mfa hwk swk webauthn pwd Mozilla/5.0 (Windows NT 10.0; "
    b"Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0 Firefox 140 on Windows Mozilla/5.0 (Macintosh; "
    b"Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0 Firefox 140 on macOS Mozilla/5.0 "
    b"(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    b"Safari/605.1.15 Safari 18 on macOS Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) "
    b"AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1 mobile Safari 18 on "
    b"iPhone Safari 18.6 iOS 18.6 Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/143.0.0.0 Safari/537.36 Chrome 143 on Linux Edge 143 on Windows Mozilla/5.0 (Linux; Android "
    b"10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36 Chrome 143 on "
    b"Android Android 16 Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0 Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
    b"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 desktop\xb3Chrome 143 on "
    b"macOS\xc0\xa6Chrome\xa5143.0\xa5macOS\xa710.15.7desktop\xb5Chrome 143 on "
    b"Windows\xc0\xa6Chrome\xa5143.0\xa7Windows\xa210"
)
