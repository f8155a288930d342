"""Networks and volumes that are missing, or that have changed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from compose.errors import ComposeError
from compose.model.project import Network, Volume
from compose.model.service import ServiceNetwork
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed, ObservedNetwork, ObservedVolume
from tests.fakes.plans import expect
from tests.fakes.projects import data_volume, make_observed, make_project, make_service

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})


def test_a_changed_network_is_made_anew_after_all_its_users_have_left_it_and_before_they_are_removed() -> None:
    project = make_project(make_service("web"))
    internal = {"default": Network("default", "app_default", internal=True)}
    before = make_project(make_service("web"), networks=internal)
    assert str(reconcile(project, make_observed(before), Options())) == expect("""
        [] #1 stop app-web-1 -- network default changed
        [1] #2 disconnect app-web-1 from network app_default -- network default changed
        [2] #3 remove network app_default -- configuration changed
        [3] #4 create network app_default -- configuration changed
        [4] #5 create 000000000000_app-web-1 -- network default changed
        [1,5] #6 remove app-web-1 -- network default changed
        [6] #7 rename 000000000000_app-web-1 to app-web-1 -- takes the place of the old one
        [7] #8 start app-web-1 -- new container
    """)


def test_a_missing_external_network_or_volume_is_an_error_with_a_way_out() -> None:
    service = make_service("web", networks={"outer": ServiceNetwork()}, volumes=(data_volume(),))
    networks = {"outer": Network("outer", "corporate", external=True)}
    with pytest.raises(ComposeError, match="corporate declared as external") as caught:
        reconcile(make_project(service, networks=networks), NOTHING, Options())
    assert "pycompose engine network create corporate" in str(caught.value.hint)
    volumes = {"data": Volume("data", "precious", external=True)}
    with pytest.raises(ComposeError, match="external volume precious not found"):
        reconcile(make_project(make_service("web", volumes=(data_volume(),)), volumes=volumes), NOTHING, Options())


def test_a_network_of_that_name_that_somebody_else_has_made_is_refused() -> None:
    project = make_project(make_service("web"))
    observed = replace(make_observed(project), networks={"app_default": ObservedNetwork("n", "app_default")})
    with pytest.raises(ComposeError, match="network app_default exists, but was made by something else") as caught:
        reconcile(project, observed, Options())
    assert caught.value.subject == ("networks", "default")
    assert "external: true" in str(caught.value.hint)


def test_a_network_and_a_volume_of_that_name_of_another_project_are_used_with_a_warning() -> None:
    project = make_project(make_service("web", volumes=(data_volume(),)))
    observed = replace(
        make_observed(project),
        networks={"app_default": ObservedNetwork("n", "app_default", "other", "default")},
        volumes={"app_data": ObservedVolume("app_data")},
    )
    plan = reconcile(project, observed, Options())
    assert [warning.partition(",")[0] for warning in plan.warnings] == [
        "network app_default exists",
        "volume app_data exists",
    ]
    assert "for project other" in plan.warnings[0]


def test_a_changed_volume_is_kept_with_a_warning() -> None:
    service = make_service("db", volumes=(data_volume(),))
    project = make_project(service)
    before = make_project(service, volumes={"data": Volume("data", "app_data", driver_opts={"type": "nfs"})})
    plan = reconcile(project, make_observed(before), Options())
    assert not plan
    assert "app_data exists with another configuration" in plan.warnings[0]


def test_a_changed_network_that_others_stay_on_is_refused_before_anything_is_done() -> None:
    wanted = make_project(make_service("web"))
    internal = {"default": Network("default", "app_default", internal=True)}
    observed = make_observed(make_project(make_service("web"), make_service("old"), networks=internal))
    with pytest.raises(ComposeError, match=r"made anew, but app-old-1 would stay on it"):
        reconcile(wanted, observed, Options())
    assert str(reconcile(wanted, observed, Options(remove_orphans=True))).startswith(
        expect("""
        [] #1 stop app-old-1 -- its service is no longer defined
        [1] #2 remove app-old-1 -- its service is no longer defined
        [] #3 stop app-web-1 -- network default changed
        [3] #4 disconnect app-web-1 from network app_default -- network default changed
        [1,4] #5 remove network app_default -- configuration changed
    """)
    )
