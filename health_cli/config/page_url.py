"""Page URL: where the project has put the page, if it has."""

from django.urls import NoReverseMatch, Resolver404, resolve, reverse


def page_url() -> str:
    """Return the path of the page, nothing where the project's URLs have it not."""
    try:
        return reverse("health:page")
    except NoReverseMatch:
        return ""


def is_hidden(path: str) -> bool:
    """Tell whether other URLs before it take the page's path, as those of the admin do."""
    try:
        return resolve(path).view_name != "health:page"
    except Resolver404:
        return True
