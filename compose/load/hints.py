"""Guesses at what a misspelt name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like this one, or None when nothing is near."""
    import difflib  # only when something is wrong

    candidates = {name.lower(): name for name in known if name != word}
    near = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.65)
    return candidates[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return "did you mean `x`?" for the nearest known word, or None when nothing is near."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else None
