"""What lists of English words tell of a place in a text: whether an adjective there speaks of people, or of a thing."""

from __future__ import annotations

import re

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about after again all also although always an and any are as at away be because been before being both
        but by can cannot could did do does down during each either ever every for from had has have he her here
        him his how i if in into is it its just later may me might more must my never no nor not now of off on
        once or our out over per she should since so some soon still such than that the their them then there
        these they this those though through to today together tomorrow too under until up us was we were what
        when where whether which while who whom whose why will with without would yesterday yet you your""",
    )
)
"""Words that cannot be the noun or the adjective after ``his``."""

VERBS_OF_BEING = frozenset(
    ("am", "are", "be", "been", "being", "is", "was", "were", "became", "become", "becomes", "seems")
)
PEOPLE = frozenset(
    re.findall(
        r"\w+",
        """accountant actor actress adolescent adult african american anglo applicant artist asian athlete attendant
        audience aunt author babe baker ballot bartender bastard beneficiary bitch borrower boss boy
        boyfriend brother bro businessman businesswoman buyer candidate carpenter cashier celebrity ceo chef chick
        child children christian citizen cleaner clerk coach colleague comedian community compatriot conservative
        consumer convict cook cop counselor couple cousin coworker criminal crowd culture customer dad dame dancer
        daughter defendant democrat dentist designer developer director doctor dude dweller economist editor electrician
        employee employer engineer european farmer father fella fellow female firefighter folk founder friend
        gal gamer gang generation gentleman gentlemen ghetto girl girlfriend graduate grandfather grandma
        grandmother grandpa guard guest guy hairdresser heritage hispanic homie homeowner household housekeeper human
        husband immigrant individual inmate jew journalist judge juror kid laborer lad lady lass latino lawyer leader
        lesbian librarian lover majority male man manager manhood mayor mechanic member men mexican minority minister
        mom mother mover mum musician muslim neighbor neighborhood neighbour nephew neighbourhood newcomer niece
        nigga niggah niggas nigger novelist nurse officer offender owner painter parent participant passenger pastor
        patient patron pedestrian people perp person persona physician pilot pimp plaintiff player poet police
        policeman politician poor population ppl president priest principal prisoner producer professional professor
        protester pupil rapper reader receptionist republican resident respondent romantic salesperson scholar
        scientist secretary senator sergeant servant sheriff sibling singer sister slave soldier son spouse staff
        student suburb suburbanite supervisor suspect tailor talent teacher teen teenager tenant thug tourist
        trainee tribe user veteran victim viewer visitor voter wife witness woman womanhood women worker writer youth
        yuppie vote""",
    )
)
"""Nouns for people, and for what consists of them; occupations after Zhao et al. 2018 (WinoBias, MIT)."""

STOP = FUNCTION_WORDS | VERBS_OF_BEING | frozenset(("enough", "s", "re", "don", "doesn", "didn", "isn", "aren", "won"))
"""Words, up to their apostrophe, before which a noun phrase ends."""
WORD = re.compile(r"[^\W_]+")
OF_THEM = re.compile(r"[-‐‑](?:owned|led|run|dominated|majority|only|born|identifying|passing)(?!\w)", re.IGNORECASE)
PREDICATE = re.compile(
    r"""(?:(?:\b(?:i|u|he|she|you|we|they|who|someone|somebody|anyone|anybody|everyone|everybody|nobody)
             |\b(?P<noun>[^\W_]+))
           (?:['’](?:m|s|re)|\s+(?:am|is|are|was|were|gets?|got|looks?|looked))
        |\b(?:i|he|she|you|we|they|who)(?:['’]ve|\s+(?:have|has|had))\s+been
        |\b(?:being|growing|grown|grew)
        |:)
        (?:\s+(?:not|too|so|very|really|also|just|only|both|all|quite|as|a))*\s+$""",
    re.IGNORECASE | re.VERBOSE,
)
"""Before the predicate of a person (``she is too``, ``my friend is``, ``being``), and before a value (``Race:``)."""
CALL_OPENS = re.compile(r"(?:^|[.!?\n\"“]|@\w+:?|\b(?:rt|oh|yo|lol|damn|dawg))\s*$", re.IGNORECASE)
CALL_GOES_ON = re.compile(
    r"\s*(?:[,!…]|\.\.)|\s+(?:i|u|you|we|they|he|she|it|this|that|these|those|my|what|why|how|if|when|now|stop)(?!\w)",
    re.IGNORECASE,
)
NOUN_OPENS = re.compile(r"(?<!\w)(?:a|the|these|those)\s+$", re.IGNORECASE)


def of_people(text: str, start: int, end: int) -> bool:
    """Return whether the adjective at ``start`` to ``end`` says something of people.

    It does before a noun for people, with up to two other words between (``young city dwellers``), as the predicate
    of a person (``she was too old to``), and standing for people itself (``the young``, ``a Black's view``).
    """
    following = _phrase(text[end : end + 80])
    if following or OF_THEM.match(text, end):
        return OF_THEM.match(text, end) is not None or any(map(_people, following))
    before = text[max(0, start - 80) : start]
    said = PREDICATE.search(before)
    if said is not None:
        return said["noun"] is None or _people(said["noun"].lower())
    return NOUN_OPENS.search(before) is not None


def called_out(text: str, start: int, end: int) -> bool:
    """Return whether a noun is a call, that nobody is meant by: ``Man, these prices!``, ``Boy, was that long``."""
    return CALL_OPENS.search(text[max(0, start - 40) : start]) is not None and CALL_GOES_ON.match(text, end) is not None


def _phrase(after: str) -> list[str]:
    """The words of the noun phrase that goes on after an adjective: up to three, none where it ends there."""
    found: list[str] = []
    at = 0
    while len(found) < 3 and (word := WORD.search(after, at)):
        plain = word.group().lower()
        joins = plain in ("and", "or")
        if after[at : word.start()].strip(" \t\n-‐‑") or (plain in STOP and not joins):
            break
        at = word.end()
        found += [] if joins else [plain]
    return found


def _people(word: str) -> bool:
    return not PEOPLE.isdisjoint((word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)))
