"""Fixtures: the shop with an admin, served to a real browser."""

import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import django
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import SHOP, Shop, _bare
from tests.servers import Process, free_port, program

ROOT = Path(__file__).resolve().parents[2]
USERS = """
from django.contrib.auth.models import Permission, User
User.objects.create_superuser("root", password="x")
plain = User.objects.create_user("plain", password="x")
staff = User.objects.create_user("staff", password="x", is_staff=True)
staff.user_permissions.set(Permission.objects.all())
User.objects.create_superuser("gone", password="x", is_active=False)
User.objects.create_user("nostaff", password="x", is_superuser=True)
"""


# A good hash of a password takes as long as a page, for each user and each login.
HASHERS = json.dumps({"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]})

_READY: dict[str, bytes] = {}  # by admin: the SQLite file with tables and users, once one was made


@dataclass(frozen=True)
class Site(Shop):
    """The shop with an admin: Django's own, or Unfold's."""

    admin: str = "django"

    @property
    def env(self) -> dict[str, str]:
        more = {"SHOP_ADMIN": self.admin, "SHOP_CELERY": HASHERS, "PYTHONPATH": f"{ROOT}{os.pathsep}{SHOP}"}
        return {**super().env, **more, "DJANGO_SETTINGS_MODULE": "shop.settings"}

    def ready(self) -> Self:
        """Make the tables and the users; all but the first SQLite file of an admin are copies."""
        file = self.state / "db.sqlite3"
        if not self.databases and self.admin in _READY:
            file.write_bytes(_READY[self.admin])
            return self
        self.ask(f"from django.core.management import call_command\ncall_command('migrate', verbosity=0)\n{USERS}")
        if not self.databases:
            _READY[self.admin] = file.read_bytes()
        return self

    def fill(self) -> Self:
        """Write the sample, whose newest run is a minute old."""
        self.python("import time\nfrom tests.page.sample import fill\nfill(time.time() - 60)")
        return self

    def ask(self, code: str) -> Any:
        """Run code in the project, and return what it prints as JSON."""
        out = self.python(f"import json\n{code}")
        return json.loads(out) if out.strip() else None


class Server(Process):
    """The site's own server."""

    def __init__(self, folder: Path, site: Site, port: int = 0) -> None:
        super().__init__(folder)
        self.site, self.port = site, port or free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        serve = ("runserver", "--noreload", "--insecure", f"127.0.0.1:{self.port}")
        return [sys.executable, str(SHOP / "manage.py"), *serve]

    def how(self) -> dict[str, Any]:
        return {"env": {**_bare(None), **self.site.env}}

    def ready(self) -> object:
        with urllib.request.urlopen(f"{self.url}/admin/login/", timeout=5) as answer:
            return answer.status == 200


@pytest.fixture(scope="package")  # while Playwright is on, its event loop runs, and no other test could run one
def browser() -> Iterator[Browser]:
    """Debian's Chromium; as root it needs to be told that it has no sandbox."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program("chromium", "chromium"), args=options)
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser of their own; what its console says is kept."""

    def __init__(self, browser: Browser, server: Server, **how: Any) -> None:
        self.server = server
        self.context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **how})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def log_in(self, path: str = "/admin/health/", user: str = "root") -> Page:
        """Log in by the admin's form, on the way to a page."""
        self.page.goto(f"{self.server.url}/admin/login/?next={path}")
        self.page.fill("#id_username", user)
        self.page.fill("#id_password", "x")
        self.page.click("[type=submit]")
        self.page.wait_for_load_state("networkidle")
        self.said.clear()  # of the login page: there is no favicon
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Any]:
    """Open the site as somebody: `visit(server, color_scheme="dark")`."""
    made: list[Visitor] = []

    def opened(server: Server, **how: Any) -> Visitor:
        made.append(Visitor(browser, server, **how))
        return made[-1]

    yield opened
    for visitor in made:
        visitor.context.close()


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    """Servers of the sample, one for each admin, started when they are asked for: Unfold's is on MariaDB."""
    made: dict[str, Server] = {}

    def serving(admin: str) -> Server:
        if admin not in made:
            folder, databases = tmp_path_factory.mktemp(admin), {}
            if admin == "unfold":
                mariadb = request.getfixturevalue("mariadb")
                mariadb.sql("CREATE DATABASE unfold", "GRANT ALL ON unfold.* TO app@'127.0.0.1'")
                databases = {"default": mariadb.settings(NAME="unfold")}
            site = Site(folder, databases, {}, {"RECORD_EVERY": 3_600}, admin).ready().fill()
            made[admin] = Server(folder / "server", site).start()
        return made[admin]

    yield serving
    for server in made.values():
        server.stop()


# The newest Unfold is for the newest Django; with the oldest the admin is Django's own.
ADMINS = ["django", "unfold"] if django.VERSION >= (6,) else ["django"]


@pytest.fixture(params=ADMINS)
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """A server of the sample, in each admin."""
    return servers(request.param)


@pytest.fixture
def stock(servers: Callable[[str], Server]) -> Server:
    """A server of the sample in Django's own admin."""
    return servers("django")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with tables and users, and nothing recorded."""
    return Site(tmp_path, {}, {}, {"RECORD_EVERY": 300}).ready()
