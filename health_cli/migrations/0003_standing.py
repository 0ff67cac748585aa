"""What a host is like after each run, and the newest run of all checks and of each selection, are found at once.

The columns have defaults in the database too, so that an older version can go on recording beside this one.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("health_cli", "0002_page")]

    operations = [
        migrations.AddField(
            "healthrun", "scope", models.CharField(db_default="", default="", editable=False, max_length=16)
        ),
        migrations.AddField(
            "healthrun", "standing", models.CharField(db_default="", default="", editable=False, max_length=10)
        ),
        migrations.AddIndex(
            "healthrun", models.Index(fields=["host", "complete", "started_at"], name="health_run_complete")
        ),
        migrations.AddIndex("healthrun", models.Index(fields=["host", "scope", "started_at"], name="health_run_scope")),
    ]
