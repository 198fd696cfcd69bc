"""Directives that take reference pages from the code, so that the two cannot differ."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management import load_command_class
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from recurring_jobs.api.problems import KINDS
from recurring_jobs.conf import KEYS, Conf

if TYPE_CHECKING:
    from django.db.models import Model
    from sphinx.application import Sphinx


class SettingsReference(SphinxDirective):
    """Each key of RECURRING_JOBS: its type, its default, its meaning."""

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = []
        for key, kind in KEYS.items():
            found += _section(self, key, self._body(key, kind))
        return found

    def _body(self, key: str, kind: type | tuple[type, ...]) -> str:
        prop = getattr(Conf, key.lower())
        default = getattr(Conf(), key.lower())
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(f"`{each.__name__}`" for each in kinds)
        return f"{_plain(prop.__doc__)}\n\nType: {names}. Default: `{default!r}`.\n"


class CommandReference(SphinxDirective):
    """The help text of a management command, as ``manage.py help`` prints it."""

    required_arguments = 1
    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        os.environ["COLUMNS"] = "88"  # argparse folds its lines at the width of the terminal
        command = load_command_class("recurring_jobs", self.arguments[0])
        parser = command.create_parser("manage.py", self.arguments[0])
        for verb in self.arguments[1:]:
            parser = _subparsers(parser)[verb]
        text = parser.format_help()
        return [nodes.literal_block(text, text, language="text")]


class ProblemsReference(SphinxDirective):
    """Each kind of problem that the HTTP API tells, with its status."""

    def run(self) -> list[nodes.Node]:
        rows = [
            f"| {status.value} | `{kind}` | {title} |" for kind, (status, title) in KINDS.items()
        ]
        return self.parse_text_to_nodes(
            "\n".join(["| status | type | title |", "|---|---|---|", *rows])
        )


class ModelsReference(SphinxDirective):
    """Each table that projects may read: its fields, their types, what they mean."""

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = []
        for model in apps.get_app_config("recurring_jobs").get_models():
            found += _section(self, model.__name__, self._body(model))
        return found

    def _body(self, model: type[Model]) -> str:
        rows = [self._row(each) for each in model._meta.concrete_fields]
        head = [_plain(model.__doc__), "", "| field | type | what it says |", "|---|---|---|"]
        return "\n".join([*head, *rows])

    def _row(self, field: Any) -> str:
        kind = field.get_internal_type()
        to = f" to `{field.related_model.__name__}`" if field.related_model else ""
        says = ". ".join(part for part in (str(field.verbose_name), str(field.help_text)) if part)
        values = ", ".join(f"`{value}`" for value, _ in field.choices or ())
        return f"| `{field.name}` | {kind}{to} | {says}{': ' if values else ''}{values} |"


def _subparsers(parser: Any) -> dict[str, Any]:
    (action,) = (action for action in parser._actions if isinstance(action.choices, dict))  # noqa: SLF001
    return dict(action.choices)


def _section(directive: SphinxDirective, title: str, markdown: str) -> list[nodes.Node]:
    section = nodes.section(ids=[nodes.make_id(title)], names=[title])
    section += nodes.title("", "", nodes.literal(title, title))
    section += directive.parse_text_to_nodes(markdown)
    return [section]


def _plain(docstring: str | None) -> str:
    """Return a docstring as Markdown: its double backticks read the same there."""
    return inspect.cleandoc(docstring or "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("settings-reference", SettingsReference)
    app.add_directive("models-reference", ModelsReference)
    app.add_directive("command-reference", CommandReference)
    app.add_directive("problems-reference", ProblemsReference)
    return {"parallel_read_safe": True}
