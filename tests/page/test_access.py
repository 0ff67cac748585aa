"""Who gets what of the page and its API: every URL, every kind of user, every method, with and without a CSRF token."""

from typing import Any

import pytest

from tests.page.conftest import ADMINS, Site

PRELUDE = """
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
HEADERS = ("Cache-Control", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Retry-After")
def client(name, **how):
    made = Client(**how)
    if name:
        made.force_login(User.objects.get(username=name))
    return made
def show(value): print(json.dumps(value))
"""
PAGE, RUN = "/admin/health/", "/admin/health/run/"
API = [
    "/admin/health/api/last/?host=web1",
    "/admin/health/api/series/?host=web1&metric=host.load/load1&range=24h",
    "/admin/health/api/alerts/",
    "/admin/health/export/?host=web1&metric=host.load/load1&range=24h&format=csv",
]
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


@pytest.fixture(scope="module", params=ADMINS)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with one run, to ask as somebody."""
    site = Site(tmp_path_factory.mktemp("asked"), {}, {}, {}, request.param).ready()
    assert site.health("run", "host.load", "--record").code == 0
    return site


def answers(site: Site, code: str) -> Any:
    return site.ask(PRELUDE + code)


@pytest.mark.parametrize("user", ["", "plain", "staff", "gone", "nostaff", "root"])
def test_superusers_alone_get_anything(asked: Site, user: str) -> None:
    """Who is no staff is asked to log in, as the admin does; who is staff alone is refused."""
    urls = [PAGE, RUN, *API]
    found = answers(
        asked,
        f"c = client({user!r})\nshow([[getattr(c, m)(u).status_code for m in {METHODS!r}] for u in {urls!r}])",
    )
    page, run, *api = found
    others = {"": 302, "plain": 302, "gone": 302, "nostaff": 302, "staff": 403}
    if user == "root":
        assert page == [200, 200, 405, 405, 405, 405, 405]
        assert [run[0], run[1], *run[3:]] == [405] * 6
        assert run[2] == 302
        assert [row[:2] for row in api] == [[404, 404], [200, 200], [200, 200], [200, 200]]
        assert all(code == 405 for row in api for code in row[2:])
    else:
        assert page == [others[user]] * len(METHODS)
        assert run == [others[user]] * len(METHODS)
        assert api == [[403] * len(METHODS)] * len(api)


def test_a_post_without_a_token_is_refused_whoever_it_is(asked: Site) -> None:
    found = answers(
        asked,
        f"show([client(name, enforce_csrf_checks=True).post({RUN!r}).status_code for name in ('', 'staff', 'root')])",
    )
    assert found == [403] * 3
    code = f"""
c = client("root", enforce_csrf_checks=True)
page = c.get({PAGE!r}).content.decode()
token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
show([c.post({RUN!r}, {{"csrfmiddlewaretoken": text}}).status_code for text in (token, "x")])
"""
    assert answers(asked, code)[1] == 403
    assert answers(asked, code)[0] in {302, 429}


def test_nothing_is_stored_framed_or_taken_from_elsewhere(asked: Site) -> None:
    found = answers(
        asked,
        f"c = client('root')\nshow([[r.headers.get(h) for h in HEADERS] for r in map(c.get, {[PAGE, *API]!r})])",
    )
    for cache, policy, kind, referrer, _ in found:
        assert (cache, kind, referrer) == ("no-store, private", "nosniff", "same-origin")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert ("unsafe" in policy) == (asked.admin == "unfold"), "Alpine.js needs it"
    refused = answers(asked, f"r = client('').get({API[0]!r}); show([r.headers.get(h) for h in HEADERS])")
    assert refused[0] == "no-store, private"


def test_the_project_may_have_a_policy_of_its_own(asked: Site) -> None:
    code = f"""
from django.conf import settings
from health_cli.page.access import policy
settings.STATIC_URL = "https://cdn.example.org/static/"
from django.test import RequestFactory
from health_cli import views
request = RequestFactory().get({PAGE!r})
request.user, request.csp_nonce = User.objects.get(username="root"), "a nonce of django-csp"
def sent(**own):
    for name, value in own.items():
        setattr(settings, name, value)
    return views.last(request).headers.get("Content-Security-Policy")
show([
    policy(), sent(CSP_DEFAULT_SRC=["'self'"], CSP_REPORT_ONLY=True),
    sent(CONTENT_SECURITY_POLICY=dict(DIRECTIVES=1)),
])
"""
    ours, beside_a_report, none = answers(asked, code)
    assert "script-src 'self'" in ours and "https://cdn.example.org; style-src" in ours
    assert beside_a_report == ours, "a policy that only reports forbids nothing"
    assert none is None


def test_the_api_answers_so_often_and_no_more(asked: Site) -> None:
    """The cache is one for each process here, so that the file counts."""
    url = "/admin/health/api/alerts/"
    ask = f"map(client('root').get, [{url!r}] * 70)"
    code = f"show([(r.status_code, r.headers.get('Retry-After')) for r in {ask}])"
    first, second = answers(asked, code), answers(asked, code)
    codes = [status for status, _ in (*first, *second)]
    assert codes.count(200) <= 120 and codes[-1] == 429
    assert codes == sorted(codes)
    assert 1 <= int(second[-1][1]) <= 60
    assert answers(asked, f"show(client('root').get({PAGE!r}).status_code)") == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("api/last/", "Name a host"),
        ("api/series/?host=web1", "Name a host and a metric"),
        ("api/series/?host=web1&metric=a&range=24h", "Name a host and a metric"),
        ("api/series/?host=web1&metric=a/b&range=2y", "There is no range '2y': choose 24h, 7d, 30d, 1y."),
        ("export/?host=web1&metric=a/b&range=24h&format=xls", "There is no format 'xls': choose csv, json, ndjson."),
    ],
)
def test_what_makes_no_sense_is_explained(site: Site, query: str, said: str) -> None:
    status, answer = answers(site, f"r = client('root').get('/admin/health/{query}'); show([r.status_code, r.json()])")
    assert status == 400
    assert said in answer["error"]


def test_without_the_tables_it_says_what_to_do(site: Site) -> None:
    code = f"""
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("DROP TABLE health_cli_systemalert")
rs = [client("root").get(u) for u in ({PAGE!r}, "/admin/health/api/alerts/")]
show([[r.status_code, r.content.decode(), r.headers["Content-Type"]] for r in rs])
"""
    page, api = answers(site, code)
    said = "The database has not all of our tables: run 'manage.py migrate'."
    assert page == [503, f"{said}\n", "text/plain; charset=utf-8"]
    assert (api[0], said in api[1]) == (503, True)


def test_a_wrong_alias_is_said(site: Site) -> None:
    wrong = Site(site.state, {}, {}, {"RECORD_DATABASE": "monitring"})
    status, text = answers(wrong, f"r = client('root').get({PAGE!r}); show([r.status_code, r.content.decode()])")
    assert (status, "'monitring'" in text) == (503, True)
