"""The example of RFC 7636, appendix B: a verifier and its challenge."""

__all__ = ["CHALLENGE", "VERIFIER"]

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
