"""What a host is like after each run, and the newest run of all checks and of each selection, are found at once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("health_cli", "0002_page")]

    operations = [
        migrations.AddField("healthrun", "scope", models.CharField(default="", editable=False, max_length=16)),
        migrations.AddField("healthrun", "standing", models.CharField(default="", editable=False, max_length=10)),
        migrations.AddIndex(
            "healthrun", models.Index(fields=["host", "complete", "started_at"], name="health_run_complete")
        ),
        migrations.AddIndex("healthrun", models.Index(fields=["host", "scope", "started_at"], name="health_run_scope")),
    ]
