"""Each way of failing ends as it should."""

from __future__ import annotations

from unittest import mock

from celery.exceptions import SoftTimeLimitExceeded
from django.test import TestCase

from recurring_jobs import GiveUp, RetryLater
from starter import tasks
from starter.models import Delivery, Endpoint, Report


class EndpointTests(TestCase):
    """The servers that the tasks call."""

    def test_fails_as_often_as_it_says(self) -> None:
        """An endpoint with two failures left fails twice and answers then."""
        endpoint = Endpoint.objects.create(name="crm", failures_left=2)

        for _ in range(2):
            with self.assertRaisesMessage(ConnectionError, "crm closed the connection."):
                endpoint.call()

        self.assertIsNone(endpoint.call())

    def test_down(self) -> None:
        """An endpoint that is down refuses."""
        endpoint = Endpoint.objects.create(name="crm", is_up=False)

        with self.assertRaisesMessage(ConnectionError, "crm refused the connection."):
            endpoint.call()


class RetryTests(TestCase):
    """Tasks that are tried again; run here and now, without a worker."""

    def test_recovers(self) -> None:
        """After two failures the third attempt delivers, once."""
        Endpoint.objects.create(name="crm", failures_left=2)

        result = tasks.deliver_webhook.apply(args=["crm", "order 7"])

        self.assertEqual((result.state, result.result), ("SUCCESS", {"attempt": 3}))
        self.assertEqual([each.attempt for each in Delivery.objects.all()], [3])

    def test_recovers_by_hand(self) -> None:
        """A manual retry recovers as well."""
        Endpoint.objects.create(name="crm", failures_left=1)

        result = tasks.sync_contacts.apply(args=["crm"])

        self.assertEqual((result.state, result.result), ("SUCCESS", {"attempt": 2}))

    def test_fails_for_good(self) -> None:
        """After three retries the error of the endpoint is the result."""
        Endpoint.objects.create(name="crm", failures_left=10)

        result = tasks.deliver_webhook.apply(args=["crm", "order 7"])

        self.assertEqual(
            (result.state, str(result.result)), ("FAILURE", "crm closed the connection.")
        )
        self.assertEqual(Endpoint.objects.get().failures_left, 6)

    def test_comes_back_when_asked_to(self) -> None:
        """A server that asks to come later is called at the second attempt."""
        Endpoint.objects.create(name="partner")

        result = tasks.call_partner.apply(args=["partner"], kwargs={"wait": 0})

        self.assertEqual((result.state, result.result), ("SUCCESS", {"attempt": 2}))

    def test_asks_to_come_back(self) -> None:
        """The wish of the server is passed on as it is."""
        with self.assertRaises(RetryLater) as caught:
            tasks.call_partner("partner", wait=2)

        self.assertEqual(caught.exception.delay.total_seconds(), 2)


class GiveUpTests(TestCase):
    """Tasks that end at once."""

    def test_declined_card(self) -> None:
        """A declined card is not charged a second time, and its number is nowhere told."""
        with self.assertRaisesMessage(GiveUp, "The bank declined the card of Anna."):
            tasks.charge_card(customer="Anna", card_number="4000000000000002")

    def test_unknown_endpoint(self) -> None:
        """An endpoint that does not exist is named."""
        with self.assertRaisesMessage(GiveUp, "There is no endpoint 'nowhere'."):
            tasks.deliver_webhook("nowhere", "order 7")


class LimitTests(TestCase):
    """Limits of rate and time."""

    def test_rate(self) -> None:
        """Messages go out at most thirty times a minute."""
        self.assertEqual(tasks.send_sms.rate_limit, "30/m")

    def test_report_in_time(self) -> None:
        """A report that fits its time is complete."""
        report = tasks.write_report("Week 47", pages=3, seconds_per_page=0)

        self.assertEqual(report, {"pages": 3, "is_complete": True})

    def test_report_cut_short(self) -> None:
        """At the soft time limit the pages written so far are kept."""
        pauses = [None, None, SoftTimeLimitExceeded()]

        with mock.patch("time.sleep", side_effect=pauses):
            report = tasks.write_report("Year", pages=10)

        self.assertEqual(report, {"pages": 2, "is_complete": False})
        self.assertEqual(Report.objects.get().title, "Year (cut short)")

    def test_check_endpoints(self) -> None:
        """Noted are the endpoints that are up."""
        Endpoint.objects.create(name="crm")
        Endpoint.objects.create(name="warehouse", is_up=False)

        report = tasks.check_endpoints()

        checked = dict(Endpoint.objects.values_list("name", "checked_at"))
        self.assertEqual((report, checked["warehouse"]), ({"up": 1}, None))
        self.assertIsNotNone(checked["crm"])
