"""deploy.checks: Django's system checks, each by its id."""

from tests.checks.made import Project

CHECKS = """
from django.core.checks import Error, Warning, Info, register

@register
def own(app_configs, **kwargs):
    return [Error("the stock is empty", hint="buy", id="stock.E001"), Warning("few left", obj="shelf", id="stock.W001"),
            Info("fine", id="stock.I001"), Warning("known", id="stock.W002")]
"""
SECURE = ["django.middleware.security.SecurityMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
          "django.middleware.clickjacking.XFrameOptionsMiddleware"]  # fmt: skip
SET = {
    "MIDDLEWARE": SECURE, "SECURE_HSTS_SECONDS": 3600, "SECURE_SSL_REDIRECT": True, "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True, "SECURE_HSTS_INCLUDE_SUBDOMAINS": True, "SECURE_HSTS_PRELOAD": True,
}  # fmt: skip


def test_a_project_without_complaints_is_healthy(project: Project) -> None:
    found = project.set(**SET).look("deploy.checks")
    assert (found["status"], found["summary"]) == ("healthy", "no system check complains"), found["message"]
    assert found["metrics"] == {"errors": 0, "warnings": 0, "silenced": 0}


def test_each_id_is_visible_and_silenced_ones_are_counted(stock: Project) -> None:
    apps = ["health_cli", "stock"]
    stock.set(**SET, INSTALLED_APPS=apps, SILENCED_SYSTEM_CHECKS=["stock.W002"], SECURE_CONTENT_TYPE_NOSNIFF=False)
    stock.write("stock/models.py", CHECKS)
    found = stock.look("deploy.checks")
    assert (found["status"], found["summary"]) == ("critical", "stock.E001")
    assert found["metrics"] == {"errors": 1, "warnings": 2, "silenced": 1}
    assert [row["id"] for row in found["data"]["messages"]] == [
        "stock.E001", "security.W006", "stock.W001", "stock.I001"
    ]  # fmt: skip
    assert "stock.W001 (shelf): few left" in found["message"] and "security.W006" in found["message"]
    assert found["hint"] == "buy" and "stock.W002" not in str(found)


def test_a_project_that_can_not_be_loaded_is_critical(stock: Project) -> None:
    found = stock.write("stock/models.py", "1 / 0").look("deploy.checks")
    assert (found["status"], found["summary"]) == ("critical", "the project can't be loaded")
    assert "ZeroDivisionError" in found["message"] and "stock/models.py" in found["message"]


def test_urls_that_can_not_be_loaded_are_critical(project: Project) -> None:
    found = project.write("site_urls.py", "import no_such_module").look("deploy.checks")
    assert found["status"] == "critical" and "No module named 'no_such_module'" in found["message"]


def test_checks_that_raise_are_told(stock: Project) -> None:
    stock.write("stock/models.py", CHECKS.replace("return [", "return [1 / 0, "))
    found = stock.look("deploy.checks")
    assert (found["status"], found["summary"]) == ("critical", "system checks can't be run")


def test_a_check_that_hangs_is_cut_off(stock: Project) -> None:
    stock.set(INSTALLED_APPS=["health_cli", "stock"], HEALTH_CLI={"CHECK_TIMEOUT": 1})
    stock.write("stock/models.py", CHECKS.replace("return [", "import time; time.sleep(20); return ["))
    run = stock.health("run", "deploy", "-f", "json")
    assert run.checks["deploy.checks"]["kind"] == "timeout"
    assert run.checks["deploy.settings"]["status"] == "healthy" and run.seconds < 5
