"""Page URL: where the project has put the page, if it has."""

from django.urls import NoReverseMatch, reverse


def page_url() -> str:
    """Return the path of the page, nothing where the project's URLs have it not."""
    try:
        return reverse("health:page")
    except NoReverseMatch:
        return ""
