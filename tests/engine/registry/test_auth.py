"""What is done about a 401."""

from __future__ import annotations

from email.message import Message
from typing import cast

from engine.registry.auth import Authenticator
from engine.registry.interrupt import Interrupt
from engine.registry.web import Answer, Web
from engine.wire.images import AuthConfig


class Refused:
    """An answer that asks for a password."""

    def __init__(self) -> None:
        self.headers = Message()
        self.headers["WWW-Authenticate"] = 'Basic realm="x"'


def test_of_two_that_were_refused_at_the_same_time_both_try_again(web: Web) -> None:
    authenticator = Authenticator(web, AuthConfig(username="me", password="pass"), may_use_http=True)
    refused = cast("Answer", Refused())
    assert authenticator.answer(refused, "scope", Interrupt(), sent="")
    assert authenticator.answer(refused, "scope", Interrupt(), sent="")
    # A password that was sent and refused is not sent again.
    assert not authenticator.answer(refused, "scope", Interrupt(), sent=authenticator.header("scope"))
