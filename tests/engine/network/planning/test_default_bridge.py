"""What the settings make of the default network."""

from __future__ import annotations

import msgspec

from engine.network.planning.default_bridge import NO_WISHES, default_bridge
from engine.network.records import NetworkRecord, Subnet

RECORD = NetworkRecord(
    id="1", name="bridge", driver="bridge", created_ns=0, subnets=[Subnet(subnet="10.1.0.0/24", gateway="10.1.0.1")]
)


def test_without_settings_the_default_network_stays_as_it_is() -> None:
    assert NO_WISHES.applied_to(RECORD) is RECORD


def test_options_change_and_the_range_stays() -> None:
    made = default_bridge(mtu=1400).applied_to(RECORD)
    assert made.bridge_options.mtu == 1400
    assert made.subnets == RECORD.subnets
    assert NO_WISHES.applied_to(made) == RECORD


def test_an_address_of_the_bridge_brings_its_range_and_goes_with_it() -> None:
    wish = default_bridge(bip="10.77.0.5/24", icc=False)
    made = wish.applied_to(RECORD)
    assert [(each.subnet, each.gateway) for each in made.subnets] == [("10.77.0.0/24", "10.77.0.5")]
    assert not made.bridge_options.connects_containers
    assert wish.applied_to(made) is made
    assert NO_WISHES.applied_to(made) == msgspec.structs.replace(RECORD, subnets=[])
