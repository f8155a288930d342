"""What a stage is after its steps."""

from __future__ import annotations

from engine.builder.dockerfile.evaluate import State
from engine.builder.product import Product, labelled
from engine.images.configuration import HistoryEntry
from engine.registry.platforms import Platform
from engine.wire.containers import ContainerConfig

BASE = Product(
    state=State(config=ContainerConfig(labels={"kept": "1", "changed": "1"})),
    platform=Platform("linux", "amd64"),
    history=(HistoryEntry(created_by="CMD sh", empty_layer=True),),
    created="2026-01-02T03:04:05Z",
)


def test_a_builds_own_labels_stand_in_the_history() -> None:
    product = labelled(BASE, {"new": "a b", "changed": "2"})
    assert product.configuration().config.labels == {"kept": "1", "changed": "2", "new": "a b"}
    assert product.history[-1] == HistoryEntry(
        created=BASE.created, created_by="LABEL changed=2 new=a b", empty_layer=True
    )
    assert product == labelled(BASE, {"changed": "2", "new": "a b"})


def test_without_labels_nothing_is_told() -> None:
    assert labelled(BASE, {}) is BASE
