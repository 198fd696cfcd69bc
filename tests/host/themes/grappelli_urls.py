from __future__ import annotations

from django.urls import include, path

from tests.host.urls import urlpatterns as usual

urlpatterns = [path("grappelli/", include("grappelli.urls")), *usual]
