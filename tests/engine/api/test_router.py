from __future__ import annotations

import pytest

from engine.api.messages import OK, Answer, Request
from engine.api.router import Route, Router
from engine.api.routes import ROUTES
from engine.api.services import Services
from engine.errors import NotFound


async def handler(services: Services, request: Request) -> Answer:
    return OK


async def other(services: Services, request: Request) -> Answer:
    return OK


def test_a_path_gives_its_handler_and_its_named_parts() -> None:
    router = Router([Route("GET", "/containers/{name}/json", handler)])
    assert router.match("GET", "/containers/web/json") == (handler, {"name": "web"})


def test_a_fixed_path_wins_over_a_placeholder() -> None:
    router = Router([Route("POST", "/things/{name}", other), Route("POST", "/things/create", handler)])
    assert router.match("POST", "/things/create")[0] is handler


def test_image_names_may_have_slashes_and_containers_may_not() -> None:
    router = Router([Route("GET", "/images/{name:path}/json", handler), Route("GET", "/containers/{name}/json", other)])
    assert router.match("GET", "/images/a/b/c:1/json")[1] == {"name": "a/b/c:1"}
    with pytest.raises(NotFound):
        router.match("GET", "/containers/a/b/json")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/info"), ("GET", "/nothing"), ("GET", "/"), ("GET", "info")])
def test_what_is_not_there_is_not_found_whatever_is_wrong(method: str, path: str) -> None:
    with pytest.raises(NotFound, match="page not found"):
        Router(ROUTES).match(method, path)


def test_no_route_is_hidden_by_one_above_it() -> None:
    router = Router(ROUTES)
    for route in ROUTES:
        path = route.pattern.replace("{name:path}", "some/name").replace("{name}", "some")
        assert router.match(route.method, path)[0] is route.handler, route.pattern
