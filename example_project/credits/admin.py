"""Accounts and holds in the admin."""

from __future__ import annotations

from django.contrib import admin

from credits.models import Account, CreditHold


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    """Balances."""

    list_display = ["owner", "balance"]
    search_fields = ["owner"]


@admin.register(CreditHold)
class CreditHoldAdmin(admin.ModelAdmin):
    """Holds; their state is changed by the application alone."""

    list_display = ["account", "amount", "reason", "state", "expires_at", "ended_at"]
    list_filter = ["state"]
    list_select_related = ["account"]
    readonly_fields = ["state", "ended_at"]
