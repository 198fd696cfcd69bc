"""Endpoints, deliveries and reports in the admin."""

from __future__ import annotations

from django.contrib import admin

from starter.models import Delivery, Endpoint, Report


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin):
    """Take a server down, or bring it back."""

    list_display = ["name", "is_up", "failures_left", "checked_at"]
    list_editable = ["is_up", "failures_left"]


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    """What was delivered."""

    list_display = ["body", "endpoint", "attempt", "delivered_at"]
    list_filter = ["endpoint"]
    list_select_related = ["endpoint"]


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):
    """Reports, complete or cut short."""

    list_display = ["title", "pages", "is_complete", "written_at"]
