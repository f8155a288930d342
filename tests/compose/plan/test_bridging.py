"""The document that transformations get."""

from __future__ import annotations

from compose.model.project import Project
from compose.model.service import Build, Port, Service
from compose.plan.bridging import bridge_document

PROJECT = Project(
    "shop",
    "/",
    (),
    {
        "web": Service("web", image="nginx", ports=(Port(80, "8080"), Port(443))),
        "app": Service("app", build=Build(".")),
        "db": Service("db", image="postgres"),
    },
)


def test_services_have_their_images_and_every_port() -> None:
    document = {
        "services": {
            "web": {"image": "nginx", "expose": ["9000", 80], "command": None, "entrypoint": None},
            "app": {"command": ["run"]},
            "db": {"image": "postgres"},
        }
    }
    found = bridge_document(PROJECT, document, {"web": ["80", "8443"], "app": ["5000"]}, {})
    assert found["services"] == {
        "web": {"image": "nginx", "expose": ["9000", "80", "8443", "443"]},
        "app": {"command": ["run"], "image": "shop-app", "expose": ["5000"]},
        "db": {"image": "postgres"},
    }
    assert document["services"]["app"] == {"command": ["run"]}


def test_dollars_are_what_they_are() -> None:
    document = {"services": {"db": {"environment": {"A$$": "x$$y"}, "command": ["$$z"]}}}
    entry = bridge_document(PROJECT, document, {}, {})["services"]["db"]
    assert (entry["environment"], entry["command"]) == ({"A$": "x$y"}, ["$z"])


def test_configs_and_secrets_have_their_contents() -> None:
    document = {"secrets": {"s": {"file": "/s"}}, "configs": {"c": {"external": True}}}
    found = bridge_document(PROJECT, document, {}, {("secrets", "s"): "hidden", ("secrets", "unused"): "x"})
    assert found == {"secrets": {"s": {"file": "/s", "content": "hidden"}}, "configs": {"c": {"external": True}}}
