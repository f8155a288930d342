"""Go's templates: what each prints was taken from Docker's own command line."""

from __future__ import annotations

import pytest

from compose.render.template.errors import TemplateError
from compose.render.template.evaluate import render
from compose.render.template.functions import FUNCTIONS
from compose.render.template.parse import parse
from compose.render.template.values import Record

DATA = {
    "s": "text",
    "e": "",
    "l": ["a", "b", "c"],
    "m": {"k": "v", "a": "b"},
    "t": True,
    "f": False,
    "n": None,
    "ll": [["x"], []],
    "lm": [{"a": "1"}, {"a": "2", "b": "3"}],
    "q": "quo\"te<&>'\n",
    "u": "é…日本",
}


def printed(template: str, data: object = DATA) -> str:
    return render(parse(template, FUNCTIONS), data)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {{- .s -}} b {{/* said\naside */}}c", "atextb c"),
        ("{{- .s}} {{.s -}}\n  x", "text textx"),
        ("{{.l}} {{.m}} {{.ll}} {{.lm}} {{.t}}", "[a b c] map[a:b k:v] [[x] []] [map[a:1] map[a:2 b:3]] true"),
        ("{{.n}} {{.missing}}", "<no value> <no value>"),
        ("{{.s}}} {{`}}`}}", "text} }}"),
        ("{{(index .lm 0).a}} {{$.s}} {{(.m).k}}", "1 text v"),
    ],
)
def test_text_is_kept_and_actions_print_values_as_go_does(template: str, text: str) -> None:
    assert printed(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{range .l}}<{{.}}>{{end}}", "<a><b><c>"),
        ("{{range $i, $e := .l}}{{$i}}={{$e}},{{else}}none{{end}}", "0=a,1=b,2=c,"),
        ("{{range $k, $v := .m}}{{$k}}={{$v}};{{end}}", "a=b;k=v;"),
        ("{{range .n}}x{{else}}none{{end}}", "none"),
        ("{{range $i := 3}}{{$i}}{{end}}", "012"),
        (
            '{{range $i, $e := .l}}{{if eq $i 1}}{{continue}}{{end}}{{if eq $e "c"}}{{break}}{{end}}{{$e}}{{end}}!',
            "a!",
        ),
        ("{{if and .s (not .e)}}yes{{else if .t}}maybe{{else}}no{{end}}", "yes"),
        ("{{if .e}}a{{else if .f}}b{{else}}c{{end}}", "c"),
        ("{{with .e}}a{{else with .s}}{{.}}{{end}}", "text"),
        ("{{with $x := .s}}{{$x}}{{.}}{{end}}", "texttext"),
        ("{{$x := 5}}{{$x}}{{if true}}{{$x = 7}}{{$x := 9}}{{$x}}{{end}}{{$x}}", "597"),
    ],
)
def test_branches_loops_and_variables(template: str, text: str) -> None:
    assert printed(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{1.0}} {{100000.0}} {{1000000.0}} {{1234567.0}} {{0.0001}} {{0.00001}}",
            "1 100000 1e+06 1.234567e+06 0.0001 1e-05",
        ),
        ("{{123456789.125}} {{1e20}} {{1e100}} {{-0.5}} {{.5}}", "1.23456789125e+08 1e+20 1e+100 -0.5 0.5"),
        (r"{{0x1F}} {{010}} {{0b11}} {{0o17}} {{1_000}} {{'a'}} {{'\n'}} {{+5}}", "31 8 3 15 1000 97 10 5"),
        (r'{{"a\tb\x41\u00e9\101"}} {{`raw\n`}}', "a\tbAéA raw\\n"),
    ],
)
def test_literals_are_read_and_printed_as_go_does(template: str, text: str) -> None:
    assert printed(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{{join .l ","}} {{split "a-b-c" "-"}} {{upper .s}} {{lower "ABC"}}', "a,b,c [a b c] TEXT abc"),
        ('{{title "hello big world\'s x_y a-b"}}', "Hello Big World'S X_Y A-B"),
        ('{{pad "x" 1 2}}|{{pad "" 2 2}}|{{truncate "abcdef" 3}}', " x  ||abc"),
        ('{{slice "abcdef" 2}} {{slice "abcdef" 1 3}}', "cdef bc"),
        ("{{json .q}} {{json .m}}", '"quo\\"te<&>\'\\n" {"a":"b","k":"v"}'),
        ('{{print 1 2 "a" 3 4 "b" "c"}}|{{println 1 "a"}}|{{print nil}}', "1 2a3 4bc|1 a\n|<nil>"),
        (
            '{{.s | printf "%s-%s" "a"}} {{printf "%q %v %5d|%-5d|%05d %x %t %%" "a\\"b" .l 6 7 8 255 true}}',
            'a-text "a\\"b" [a b c]     6|7    |00008 ff true %',
        ),
        ('{{printf "%.2f %6.2f %e %g" 3.14159 2.5 12345.678 1e21}}', "3.14   2.50 1.234568e+04 1e+21"),
        (
            '{{printf "%d" "a"}} {{printf "%s" 5}} {{printf "%d %d" 1}} {{printf "%d" 1 2}}',
            "%!d(string=a) %!s(int=5) 1 %!d(MISSING) 1%!(EXTRA int=2)",
        ),
        (
            '{{len .l}} {{len "é"}} {{index .l 1}} {{index .m "k"}} {{index .lm 1 "b"}} {{slice .l 1 2}}',
            "3 2 b v 3 [b]",
        ),
        (
            '{{eq 1 2 1}} {{ne "a" "b"}} {{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1.5 1.5}} {{eq .n nil}}',
            "true true true true true true true",
        ),
        ('{{and 1 0 2}} {{or 0 "" "x"}} {{not 0}} {{or 1 (index .l 9)}}', "0 x true 1"),
        (
            "{{html .q}} {{js .q}} {{urlquery .q}}",
            "quo&#34;te&lt;&amp;&gt;&#39;\n quo\\\"te\\u003C\\u0026\\u003E\\'\\u000A quo%22te%3C%26%3E%27%0A",
        ),
    ],
)
def test_functions_do_what_those_of_go_and_docker_do(template: str, text: str) -> None:
    assert printed(template) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.s", "`{{.s` has no `}}`"),
        ("{{if .s}}x", "has no `{{end}}`"),
        ("{{end}}", "`{{end}}` belongs to no `if`, `with` or `range`"),
        ("{{if}}x{{end}}", "a value is missing"),
        ("{{nosuch 1}}", "there is no function `nosuch`"),
        ("{{break}}", "stands alone, inside of a `range`"),
        ('{{"a""b"}}', '`"b"` is not expected here'),
        ("{{nil}}", "nil is not a command"),
        ("{{(.s}}", "a `)` is missing"),
        ("{{ 5 | 6 }}", "a value cannot take what is before"),
        ("{{template `x`}}", "there is one template only"),
        ("{{.s # }}", "`# }}` is not expected in an action"),
        ("{{$y}}", "the variable `$y` is not declared"),
        ("{{.s.x}}", "`.x` of text, which has no fields"),
        ('{{.s "argument"}}', "text takes no arguments"),
        ('{{eq 1 "a"}}', "are of different types and cannot be compared"),
        ("{{lt true false}}", "true has no order"),
        ("{{index .l 9}}", "the index 9 is out of range: there are 3"),
        ("{{slice .l 5}}", "out of range"),
        ("{{len 5}}", "5 has no length"),
        ("{{range .s}}{{end}}", "range over text, which is not a list"),
        ('{{join "abc" ","}}', "`join` takes a list, not abc"),
        ("{{upper}}", "`upper` cannot be called with no arguments"),
        ("{{upper 5}}", "`upper` cannot be called with 5"),
    ],
)
def test_what_is_wrong_is_said(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        printed(template)
    assert message in caught.value.message


def test_a_record_has_only_its_fields_and_methods() -> None:
    item = Record({"Name": "web", "Size": 5}, {"Label": {"a": "b"}.get})
    assert printed('{{.Name}} {{.Label "a"}} {{json .}}', item) == 'web b {"Name":"web","Size":5}'
    with pytest.raises(TemplateError, match="there is no field `Nmae`, only Label, Name, Size"):
        printed("{{.Nmae}}", item)


def test_the_fields_that_a_template_names_are_known() -> None:
    assert parse("{{if .A}}{{range .B.C}}{{$.D}}{{end}}{{end}}", FUNCTIONS).fields == {"A", "B", "C", "D"}
