"""The newest run of all checks is found at once, however many runs of some checks have come since."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("health_cli", "0002_page")]

    operations = [
        migrations.AddIndex(
            model_name="healthrun",
            index=models.Index(fields=["host", "complete", "started_at"], name="health_run_complete"),
        ),
    ]
