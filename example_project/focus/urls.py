"""Where the pages of the to-do list are."""

from __future__ import annotations

from django.urls import path

from focus.feeds import TaskFeed
from focus.views import TasksView

app_name = "focus"
urlpatterns = [
    path("", TasksView.as_view(), name="tasks"),
    path("calendar/<str:token>.ics", TaskFeed.as_view(), name="feed"),
]
