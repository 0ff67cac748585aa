"""Create the tables of the record."""

import django.db.models.deletion
from django.db import migrations, models

import health_cli.models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='HealthHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', health_cli.models.Name(max_length=190)),
                ('check_name', health_cli.models.Name(max_length=190, verbose_name='check')),
                ('metric_name', health_cli.models.Name(max_length=100, verbose_name='metric')),
                ('unit', models.CharField(blank=True, max_length=20)),
                ('status', models.CharField(max_length=10)),
                ('hour', models.DateTimeField()),
                ('minimum', models.FloatField(null=True)),
                ('mean', models.FloatField(null=True)),
                ('maximum', models.FloatField(null=True)),
                ('count', models.PositiveIntegerField()),
            ],
            options={
                'verbose_name': 'hour',
                'ordering': ('-hour', '-id'),
                'indexes': [models.Index(fields=['hour'], name='health_hour_hour')],
                'constraints': [models.UniqueConstraint(fields=('host', 'check_name', 'metric_name', 'hour'), name='health_hour_series')],
            },
        ),
        migrations.CreateModel(
            name='HealthRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(unique=True)),
                ('host', health_cli.models.Name(max_length=190)),
                ('started_at', models.DateTimeField()),
                ('duration', models.FloatField()),
                ('status', models.CharField(max_length=10)),
                ('trigger', models.CharField(max_length=10)),
                ('project', health_cli.models.Name(max_length=190)),
                ('complete', models.BooleanField()),
                ('report', models.JSONField()),
                ('state', models.JSONField(default=dict)),
                ('condensed', models.BooleanField(default=False, editable=False)),
            ],
            options={
                'verbose_name': 'run',
                'ordering': ('-started_at', '-id'),
                'indexes': [models.Index(fields=['host', 'started_at'], name='health_run_host'), models.Index(fields=['started_at'], name='health_run_started'), models.Index(fields=['condensed', 'started_at'], name='health_run_condensed')],
            },
        ),
        migrations.CreateModel(
            name='Silence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pattern', models.CharField(max_length=190)),
                ('host', models.CharField(blank=True, max_length=190)),
                ('until', models.DateTimeField()),
                ('why', models.TextField()),
                ('by', models.CharField(max_length=150)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('until',),
                'indexes': [models.Index(fields=['until'], name='health_silence_until')],
            },
        ),
        migrations.CreateModel(
            name='SystemAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('alert_type', health_cli.models.Name(max_length=190, verbose_name='check')),
                ('host', health_cli.models.Name(max_length=190)),
                ('message', models.TextField()),
                ('hint', models.TextField(blank=True)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], max_length=10)),
                ('flapping', models.BooleanField(default=False)),
                ('resolved', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('resolution', models.TextField(blank=True)),
                ('count', models.PositiveIntegerField(default=1)),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                ('by', models.CharField(blank=True, max_length=150, verbose_name='acknowledged by')),
                ('why', models.TextField(blank=True, verbose_name='acknowledged because')),
                ('open_key', models.CharField(editable=False, max_length=64, null=True, unique=True)),
            ],
            options={
                'verbose_name': 'alert',
                'ordering': ('resolved', '-created_at', '-id'),
                'indexes': [models.Index(fields=['resolved', 'created_at'], name='health_alert_open'), models.Index(fields=['host', 'alert_type', 'created_at'], name='health_alert_check')],
            },
        ),
        migrations.CreateModel(
            name='HealthMetric',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', health_cli.models.Name(max_length=190)),
                ('check_name', health_cli.models.Name(max_length=190, verbose_name='check')),
                ('metric_name', health_cli.models.Name(max_length=100, verbose_name='metric')),
                ('unit', models.CharField(blank=True, max_length=20)),
                ('status', models.CharField(max_length=10)),
                ('metric_value', models.JSONField()),
                ('value', models.FloatField(null=True)),
                ('timestamp', models.DateTimeField()),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='metrics', to='health_cli.healthrun')),
            ],
            options={
                'verbose_name': 'metric',
                'ordering': ('-timestamp', '-id'),
                'indexes': [models.Index(fields=['host', 'check_name', 'metric_name', 'timestamp'], name='health_metric_series'), models.Index(fields=['timestamp'], name='health_metric_time')],
            },
        ),
    ]
