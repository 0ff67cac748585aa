"""The hosts and the selections of checks that there are, in a table of their own: the page asks that one, not all runs."""

from django.db import migrations, models
from django.db.models import Max

import health_cli.models


def fill(apps, schema_editor):
    """Add those of the runs that are there."""
    using = schema_editor.connection.alias
    runs, selections = (apps.get_model("health_cli", name) for name in ("healthrun", "healthselection"))
    found = runs.objects.using(using).order_by().values("host", "scope").annotate(seen_at=Max("started_at"))
    selections.objects.using(using).bulk_create([selections(**row) for row in found], batch_size=300)


class Migration(migrations.Migration):

    dependencies = [("health_cli", "0003_standing")]

    operations = [
        migrations.CreateModel(
            "healthselection",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", health_cli.models.Name(max_length=190)),
                ("scope", models.CharField(max_length=16)),
                ("seen_at", models.DateTimeField()),
            ],
            {
                "verbose_name": "selection",
                "constraints": [models.UniqueConstraint(fields=("host", "scope"), name="health_selection_scope")],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
