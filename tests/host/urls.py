from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from tests.host.feeds import CourseFeed, LessonFeed, TodoFeed

urlpatterns = [
    path("admin/", admin.site.urls),
    path("feeds/<str:token>.ics", TodoFeed.as_view(), name="todo-feed"),
    path("courses.ics", CourseFeed.as_view(), name="course-feed"),
    path("lessons.ics", LessonFeed.as_view(), name="lesson-feed"),
    path("jobs/", include("recurring_jobs.api.urls")),
]
