"""claims: what the paper says, what our runs say to it, and the rule that turns the one into a verdict on the other."""

from course_lib.claims.page import page
from course_lib.claims.paper import CLAIMS, Claim
from course_lib.claims.rule import RULE, VERDICTS, Evidence, shown, verdict_of

__all__ = ["CLAIMS", "RULE", "VERDICTS", "Claim", "Evidence", "page", "shown", "verdict_of"]
