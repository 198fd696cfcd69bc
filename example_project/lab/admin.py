"""Patients, appointments and notifications in the admin."""

from __future__ import annotations

from django.contrib import admin

from lab.models import Appointment, Notification, Patient


@admin.register(Patient)
class PatientAdmin(admin.ModelAdmin):
    """Patients."""

    list_display = ["__str__", "phone"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__last_name"]


@admin.register(Appointment)
class AppointmentAdmin(admin.ModelAdmin):
    """Appointments, and when the patient was reminded."""

    list_display = ["study", "patient", "starts_at", "is_cancelled", "reminded_at"]
    list_filter = ["is_cancelled", "starts_at"]
    list_select_related = ["patient__user"]
    readonly_fields = ["reminded_at"]


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin):
    """Notifications."""

    list_display = ["title", "user", "type", "is_read", "created_at"]
    list_filter = ["type", "is_read"]
    list_select_related = ["user"]
