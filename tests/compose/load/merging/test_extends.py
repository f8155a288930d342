from __future__ import annotations

import pytest

from tests.fakes.directory import Directory


def test_a_service_starts_from_the_one_it_extends(directory: Directory) -> None:
    services = directory.load(
        "services:\n"
        "  base: {image: a, environment: {A: 1, B: 1}, command: [x]}\n"
        "  app: {extends: base, environment: {B: 2}}\n"
    ).document["services"]
    assert services["app"]["environment"] == {"A": "1", "B": "2"}
    assert services["app"]["command"] == ["x"]
    assert "extends" not in services["app"]
    assert services["base"]["environment"] == {"A": "1", "B": "1"}


def test_paths_of_another_file_start_from_its_directory(directory: Directory) -> None:
    directory.write("common/base.yaml", "services: {base: {image: a, volumes: ['./data:/data'], env_file: [x.env]}}\n")
    directory.write("common/x.env", "FROM_FILE=1\n")
    app = directory.load("services: {app: {extends: {file: common/base.yaml, service: base}}}\n").project.services[
        "app"
    ]
    assert app.volumes[0].source == str(directory.path / "common/data")
    assert app.environment == {"FROM_FILE": "1"}


def test_extending_goes_on_through_several_files(directory: Directory) -> None:
    directory.write("one/a.yaml", "services: {a: {extends: {file: ../two/b.yaml, service: b}, hostname: from-a}}\n")
    directory.write("two/b.yaml", "services: {b: {extends: c, cap_add: [B]}, c: {image: c, volumes: ['./c:/c']}}\n")
    app = directory.load("services: {app: {extends: {file: one/a.yaml, service: a}}}\n").project.services["app"]
    assert (app.image, app.hostname, app.cap_add) == ("c", "from-a", ("B",))
    assert app.volumes[0].source == str(directory.path / "two/c")


def test_reset_takes_back_what_the_extended_service_says(directory: Directory) -> None:
    directory.write("base.yaml", "services: {base: {image: a, ports: ['80:80']}}\n")
    loaded = directory.load("services: {app: {extends: {file: base.yaml, service: base}, ports: !reset []}}\n")
    assert loaded.project.services["app"].ports == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "services:\n  app:\n    extends: bas\n  base: {image: a}\n",
            "3:14 service `app` extends `bas`, which compose.yaml does not define",
        ),
        (
            "services:\n  app:\n    extends: {file: x.yaml, service: a}\n",
            "3:21 `extends` names a file that does not exist",
        ),
        (
            "services:\n  app:\n    extends: {file: empty.yaml, service: a}\n",
            "3:21 empty.yaml has no services to extend",
        ),
        ("services:\n  app:\n    extends: {file: a.yaml}\n", "3:14 services.app.extends must name a service"),
        ("services:\n  app:\n    extends: 5\n", "3:14 services.app.extends must name a service"),
        ("services:\n  app:\n    extends: {file: '', service: a}\n", "3:21 `extends` names a file that does not"),
        ("services:\n  app:\n    extends: {file: list.yaml, service: a}\n", "1:15 services.a must be a mapping"),
        ("services: [a]\n", "1:11 services must be a mapping"),
        (
            "services:\n  a: {extends: b}\n  b:\n    extends: a\n",
            "2:16 services extend each other in a circle: a (compose.yaml) -> b (compose.yaml) -> a",
        ),
    ],
)
def test_what_cannot_be_extended_is_reported_with_its_place(directory: Directory, text: str, complaint: str) -> None:
    directory.write("empty.yaml", "name: x\n")
    directory.write("list.yaml", "services: {a: [x]}\n")
    assert directory.complaints(text)[0].startswith(complaint)


def test_the_nearest_name_is_suggested(directory: Directory) -> None:
    (problem,) = directory.problems("services: {app: {extends: bas}, base: {image: a}}\n")
    assert problem.hint == "did you mean `base`?"


def test_a_chain_of_extensions_has_an_end(directory: Directory) -> None:
    chain = "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(300))
    (complaint,) = directory.complaints(f"services:\n{chain}  s300: {{image: a}}\n")
    assert "in a row" in complaint


def test_what_is_left_of_a_chain_that_ends_in_an_empty_service_is_not_inherited(directory: Directory) -> None:
    directory.write("base.yaml", "services: {mid: {image: a, extends: nothing}, nothing: }\n")
    services = directory.load("services: {app: {extends: {file: base.yaml, service: mid}}}\n").document["services"]
    assert "extends" not in services["app"]


def test_reset_counts_for_a_service_that_is_itself_extended(directory: Directory) -> None:
    text = "services:\n  a: {extends: b}\n  b: {extends: c, ports: !reset []}\n  c: {image: c, ports: ['80:80']}\n"
    services = directory.load(text).project.services
    assert [len(services[name].ports) for name in "abc"] == [0, 0, 1]


def test_later_documents_of_an_extended_file_reset_what_earlier_ones_say(directory: Directory) -> None:
    directory.write("base.yaml", "services: {b: {image: a, tty: true}}\n---\nservices: {b: {tty: !reset true}}\n")
    document = directory.load("services: {app: {extends: {file: base.yaml, service: b}}}\n").document
    assert "tty" not in document["services"]["app"]


@pytest.mark.parametrize(
    ("attribute", "complaint"),
    [
        ("build: ~", "1:55 services.other.build must be a mapping or a string"),
        ("depends_on: x", "1:60 services.other.depends_on must be a mapping or a list"),
        ("env_file: {a: b}", "1:58 services.other.env_file must be a list or a string"),
        ("ports: [true]", "1:56 services.other.ports.0 must be a mapping or a string or a number"),
        ("dns: [~]", "1:54 `<nil>` must be a string: put it in quotes"),
    ],
)
def test_other_services_of_an_extended_file_need_a_form_that_the_syntax_has(
    directory: Directory, attribute: str, complaint: str
) -> None:
    directory.write("base.yaml", f"services: {{base: {{image: a}}, other: {{image: b, {attribute}}}}}\n")
    assert complaint in directory.complaints("services: {app: {extends: {file: base.yaml, service: base}}}\n")


def test_other_services_of_an_extended_file_may_have_what_the_schema_does_not_know(directory: Directory) -> None:
    directory.write("base.yaml", "services: {base: {image: a}, other: {imgae: b, tty: [x]}}\nfoo: bar\n")
    loaded = directory.load("services: {app: {extends: {file: base.yaml, service: base}}}\n")
    assert loaded.project.services["app"].image == "a"
