from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from recurring_jobs.recurrence.preview import RulePreviewView
from tests.host.feeds import CourseFeed, LessonFeed, TodoFeed
from tests.host.views import EventCreateView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("feeds/<str:token>.ics", TodoFeed.as_view(), name="todo-feed"),
    path("courses.ics", CourseFeed.as_view(), name="course-feed"),
    path("lessons.ics", LessonFeed.as_view(), name="lesson-feed"),
    path("events/new/", EventCreateView.as_view(), name="new-event"),
    path("rule-preview/", RulePreviewView.as_view(), name="recurrence-rule-preview"),
    path("jobs/", include("recurring_jobs.api.urls")),
]
