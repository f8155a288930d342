"""The order of `config`."""

from __future__ import annotations

import json

from compose.render.ordering import in_order, sorted_through


def written(value: object) -> str:
    return json.dumps(value)


def test_names_are_sorted_and_attributes_are_not() -> None:
    document = {
        "x-b": {"z": 1, "a": {"d": 1, "c": 2}},
        "name": "app",
        "services": {
            "web": {"healthcheck": {"test": ["x"], "interval": "1s"}, "labels": {"z": "1", "a": "2"}},
            "db": {"ports": [{"mode": "ingress", "host_ip": "::1"}], "x-note": [{"y": 1, "b": 2}]},
        },
        "volumes": {"networks": {"name": "n", "driver": "local", "driver_opts": {"o": "1", "device": "2"}}},
        "x-a": 1,
    }
    assert written(in_order(document)) == written(
        {
            "name": "app",
            "services": {
                "db": {"ports": [{"mode": "ingress", "host_ip": "::1"}], "x-note": [{"b": 2, "y": 1}]},
                "web": {"healthcheck": {"test": ["x"], "interval": "1s"}, "labels": {"a": "2", "z": "1"}},
            },
            "volumes": {"networks": {"name": "n", "driver": "local", "driver_opts": {"device": "2", "o": "1"}}},
            "x-a": 1,
            "x-b": {"a": {"c": 2, "d": 1}, "z": 1},
        }
    )


def test_without_interpolation_everything_is_sorted() -> None:
    assert written(sorted_through({"b": [{"z": 1, "a": 2}], "a": None})) == written(
        {"a": None, "b": [{"a": 2, "z": 1}]}
    )
