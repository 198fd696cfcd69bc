"""Products, batches, discounts and prices in the admin."""

from __future__ import annotations

from django.contrib import admin

from pricing.models import Batch, Discount, PriceHistory, Product


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Products."""

    list_display = ["name", "sku", "base_price"]
    search_fields = ["name", "sku"]


@admin.register(Batch)
class BatchAdmin(admin.ModelAdmin):
    """Batches by expiry date."""

    list_display = ["code", "product", "quantity", "expires_on"]
    date_hierarchy = "expires_on"
    list_select_related = ["product"]


@admin.register(Discount)
class DiscountAdmin(admin.ModelAdmin):
    """Discounts as the task computed them."""

    list_display = ["batch", "percent", "price", "state", "computed_at"]
    list_filter = ["state", "percent"]
    list_select_related = ["batch__product"]


@admin.register(PriceHistory)
class PriceHistoryAdmin(admin.ModelAdmin):
    """Prices over time."""

    list_display = ["product", "price", "recorded_at"]
    list_filter = ["product"]
    list_select_related = ["product"]
