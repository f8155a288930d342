"""docker-py builds images: what it reads out of the stream, and which steps it may expect of the cache."""

from __future__ import annotations

import io

import docker
import pytest

pytestmark = [pytest.mark.root, pytest.mark.net]

STEPS = """
    FROM busybox
    ENV FOO=bar
    RUN touch one
    RUN touch two
"""


def lines_of_a_build(client: docker.DockerClient, dockerfile: str, **options: object) -> list[str]:
    """What a build says, message by message."""
    stream = client.api.build(fileobj=io.BytesIO(dockerfile.encode()), decode=True, rm=True, **options)
    return [message.get("stream", "") for message in stream]


def test_what_a_step_writes_to_stderr_is_red(client: docker.DockerClient) -> None:
    said = lines_of_a_build(client, "FROM busybox\nRUN echo plain; sleep 0.1; echo careful >&2", nocache=True)
    assert "plain\n" in said
    assert "\x1b[91mcareful\n\x1b[0m" in said


def test_cache_from_takes_steps_of_the_images_that_it_names_and_of_no_others(client: docker.DockerClient) -> None:
    lines_of_a_build(client, STEPS, tag="cached-py:1")
    try:
        again = lines_of_a_build(client, STEPS, tag="cached-py:2", cache_from=["cached-py:1"])
        anew = lines_of_a_build(client, STEPS, tag="cached-py:2", cache_from=["127.0.0.1:1/none"])
        assert sum("Using cache" in line for line in again) == 3
        assert sum("Using cache" in line for line in anew) == 0
    finally:
        client.images.remove("cached-py:1")
        client.images.remove("cached-py:2")
